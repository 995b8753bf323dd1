// Sends one span, one log record and one metric through each OTLP exporter of the Node SDK, with and without gzip.
// Prints one JSON line per exporter and signal: {"exporter", "compression", "signal", "error"}.
import { DiagLogLevel, diag } from "@opentelemetry/api";
import { OTLPLogExporter as GrpcLogs } from "@opentelemetry/exporter-logs-otlp-grpc";
import { OTLPLogExporter as JsonLogs } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as ProtoLogs } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter as GrpcMetrics } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPMetricExporter as JsonMetrics } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter as ProtoMetrics } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter as GrpcTraces } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonTraces } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoTraces } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

const [grpcPort, httpPort] = process.argv.slice(2);
const exporters = {
  grpc: { traces: GrpcTraces, logs: GrpcLogs, metrics: GrpcMetrics },
  proto: { traces: ProtoTraces, logs: ProtoLogs, metrics: ProtoMetrics },
  json: { traces: JsonTraces, logs: JsonLogs, metrics: JsonMetrics },
};
const run = {
  async traces(exporter, name) {
    const provider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
    provider.getTracer("node").startSpan(name).end();
    await provider.shutdown();
  },
  async logs(exporter, name) {
    const provider = new LoggerProvider({ processors: [new BatchLogRecordProcessor(exporter)] });
    provider.getLogger("node").emit({ severityText: name, body: name });
    await provider.shutdown();
  },
  async metrics(exporter, name) {
    const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
    provider.getMeter("node").createCounter("sent", { description: name }).add(1);
    await provider.shutdown();
  },
};

let problem = null;
const note = (...words) => (problem = words.map(String).join(" "));
diag.setLogger({ error: note, warn: note, info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);

for (const [kind, signals] of Object.entries(exporters)) {
  for (const compression of ["none", "gzip"]) {
    for (const [signal, Exporter] of Object.entries(signals)) {
      problem = null;
      const url = kind === "grpc" ? `http://127.0.0.1:${grpcPort}` : `http://127.0.0.1:${httpPort}/v1/${signal}`;
      await run[signal](new Exporter({ url, compression }), `${kind} ${compression} ${"x".repeat(2000)}`);
      console.log(JSON.stringify({ exporter: kind, compression, signal, error: problem }));
    }
  }
}
