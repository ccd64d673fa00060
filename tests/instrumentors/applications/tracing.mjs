// How an application is traced: TRACING is the name of a way below, else it is OpenTelemetry's SDK
// alone. Where spans are sent stands in OTEL_EXPORTER_OTLP_ENDPOINT.

import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

function sdk() {
  const provider = new NodeTracerProvider({
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();
  return { flush: () => provider.shutdown() };
}

const WAYS = {
  async openinference_langchain() {
    const { LangChainInstrumentation } = await import("@arizeai/openinference-instrumentation-langchain");
    const way = sdk();
    new LangChainInstrumentation().manuallyInstrument(await import("@langchain/core/callbacks/manager"));
    return way;
  },
  // It writes a span only for a function that it traces, and in this what is asked first.
  async langsmith() {
    const { initializeOTEL } = await import("langsmith/experimental/otel/setup");
    const { traceable } = await import("langsmith/traceable");
    const { RunTree } = await import("langsmith");
    const { DEFAULT_LANGSMITH_SPAN_PROCESSOR: processor } = initializeOTEL();
    const flush = async () => {
      await RunTree.getSharedClient().awaitPendingTraceBatches();
      await processor.shutdown();
    };
    return { flush, traced: (call) => traceable(call, { name: "answer" })() };
  },
  async traceloop() {
    const { initialize, forceFlush } = await import("@traceloop/node-server-sdk");
    const { default: OpenAI } = await import("openai");
    initialize({
      apiKey: "no key",
      baseUrl: process.env.OTEL_EXPORTER_OTLP_ENDPOINT,
      disableBatch: true, // in the order of the calls
      instrumentModules: { openAI: OpenAI },
      silenceInitializationMessage: true,
      traceloopSyncEnabled: false,
    });
    return { flush: forceFlush };
  },
};

// `flush` is to be awaited at the end of every application, `traced` is given each call of a model.
export const { flush, traced = (call) => call() } = await (WAYS[process.env.TRACING] ?? sdk)();
