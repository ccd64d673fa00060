// OpenTelemetry's SDK. Where spans are sent stands in OTEL_EXPORTER_OTLP_ENDPOINT.

import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const provider = new NodeTracerProvider({
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
provider.register();

// To be awaited at the end of every application.
export const flush = () => provider.shutdown();
