// ClickHouse's own JavaScript client against /sql; prints one JSON object of what it saw.
import { createClient } from "@clickhouse/client";

const [url, key] = process.argv.slice(2);
const client = createClient({
  url: new URL(url).origin, pathname: new URL(url).pathname, database: "haechi", request_timeout: 20_000,
  compression: { response: true }, username: key ? "haechi" : "", password: key,
});
const seen = { ping: (await client.ping({ select: true })).success };

const rows = await client.query({
  query: "SELECT request_model, toUInt32(count()) AS calls FROM spans WHERE request_model = {m:String} GROUP BY 1",
  query_params: { m: "gpt-4o" }, format: "JSONEachRow",
});
seen.rows = await rows.json();

seen.streamed = 0;
const big = await client.query({ query: "SELECT number FROM numbers(200000)", format: "JSONCompactEachRow" });
for await (const batch of big.stream()) seen.streamed += batch.length;

const parquet = await client.exec({ query: "SELECT trace_id FROM spans FORMAT Parquet" });
const parts = [];
for await (const part of parquet.stream) parts.push(part);
seen.parquet = Buffer.concat(parts).subarray(0, 4).toString();

for (const [name, query] of [["refused", "SELECT file('/etc/passwd')"], ["unknown", "SELECT nope FROM spans"]]) {
  try {
    await client.query({ query });
  } catch (error) {
    seen[name] = error.code;
  }
}
await client.close();
console.log(JSON.stringify(seen));
