// An application with the AI SDK and OpenTelemetry, as their documentation writes it. Where spans
// are sent stands in OTEL_EXPORTER_OTLP_ENDPOINT, the model's server in MODEL_URL.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { generateText, streamText } from "ai";

const sdk = new NodeSDK({ traceExporter: new OTLPTraceExporter() });
sdk.start();

const provider = createOpenAICompatible({ name: "planted", baseURL: process.env.MODEL_URL });
const request = {
  model: provider("planted"),
  temperature: 0,
  system: "You answer the customers of a shop.",
  prompt: process.argv[2],
  experimental_telemetry: { isEnabled: true, functionId: "answer" },
};
console.log((await generateText(request)).text);
if (process.argv[3] === "stream") {
  const { textStream } = streamText(request);
  for await (const piece of textStream) process.stdout.write(piece);
}
await sdk.shutdown();
