// Sends one message with the compressed flag set under a grpc-encoding of choice, and prints the answer's headers.
import http2 from "node:http2";

const [port, path, encoding] = process.argv.slice(2);
const session = http2.connect(`http://127.0.0.1:${port}`);
const stream = session.request({
  ":method": "POST",
  ":path": path,
  "content-type": "application/grpc",
  te: "trailers",
  "grpc-encoding": encoding,
});
const answer = {};
stream.on("response", (headers) => Object.assign(answer, headers));
stream.on("trailers", (headers) => Object.assign(answer, headers));
stream.resume();
stream.on("close", () => {
  console.log(JSON.stringify(answer));
  session.close();
});
const message = Buffer.from("some compressed bytes");
const prefix = Buffer.alloc(5);
prefix[0] = 1;
prefix.writeUInt32BE(message.length, 1);
stream.end(Buffer.concat([prefix, message]));
