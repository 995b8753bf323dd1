// ClickHouse's own JavaScript client against the embedded store; prints one JSON object of what it saw.
import { Readable } from "node:stream";
import { createClient } from "@clickhouse/client";

const [url, username, password] = process.argv.slice(2);
const seen = {};
const client = createClient({
  url, username, password, database: "haechi", request_timeout: 20_000,
  compression: { request: true, response: true },
});

seen.ping = (await client.ping()).success;
await client.command({ query: "CREATE OR REPLACE TABLE js (a UInt64, b String) ENGINE = MergeTree ORDER BY a" });

const inserted = await client.insert({
  table: "js", format: "JSONEachRow", values: [{ a: 1, b: "한글 'x'" }, { a: 2, b: "y" }],
});
seen.written = inserted.summary?.written_rows;
await client.insert({
  table: "js", format: "JSONEachRow", columns: ["a", "b"],
  values: Readable.from((function* () { for (let a = 10; a < 1010; a++) yield { a, b: "stream" }; })(), { objectMode: true }),
});

const rows = await client.query({
  query: "SELECT a, b FROM js WHERE a < {limit:UInt64} AND b != {text:String} ORDER BY a",
  query_params: { limit: 5, text: "it's \\ \t\n" }, format: "JSONEachRow",
});
seen.rows = await rows.json();
seen.query_id = rows.query_id.length > 0;
seen.json = (await (await client.query({ query: "SELECT count() AS n FROM js", format: "JSON" })).json()).data;

let streamed = 0;
const big = await client.query({ query: "SELECT number FROM numbers(200000)", format: "JSONCompactEachRow" });
for await (const batch of big.stream()) streamed += batch.length;
seen.streamed = streamed;

try {
  await client.query({ query: "SELECT * FROM nope" });
} catch (error) {
  seen.error = [error.code, error.type];
}
const plain = createClient({ url, username, password, database: "haechi", request_timeout: 20_000 });
try {
  const broken = await plain.query({
    query: "SELECT number FROM numbers(300000000) WHERE number % 1000000 = throwIf(number = 150000000)", format: "JSONEachRow",
  });
  for await (const batch of broken.stream()) streamed += batch.length;
} catch (error) {
  seen.within = error.code;
}
await client.command({ query: "DROP TABLE js" });
await plain.close();
await client.close();
console.log(JSON.stringify(seen));
