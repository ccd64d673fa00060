// An application with OpenTelemetry's SDK for Go, as its documentation writes it, and a span by the
// GenAI conventions around the request to its model. Where spans are sent stands in
// OTEL_EXPORTER_OTLP_ENDPOINT, the model's server in MODEL_URL.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/trace"
	spans "go.opentelemetry.io/otel/trace"
)

const (
	model  = "planted"
	system = "You answer the customers of a shop."
)

// message is what the model's server takes and gives.
type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type completion struct {
	ID      string
	Model   string
	Choices []struct {
		Message      message
		FinishReason string `json:"finish_reason"`
	}
	Usage struct {
		PromptTokens     int `json:"prompt_tokens"`
		CompletionTokens int `json:"completion_tokens"`
	}
}

// part and said are a message as the conventions write it.
type part struct {
	Type    string `json:"type"`
	Content string `json:"content"`
}

type said struct {
	Role         string `json:"role"`
	Parts        []part `json:"parts"`
	FinishReason string `json:"finish_reason,omitempty"`
}

func text(value any) string {
	written, err := json.Marshal(value)
	if err != nil {
		log.Fatal(err)
	}
	return string(written)
}

// ask sends a question to the model, and writes a span about it.
func ask(ctx context.Context, question string) (string, error) {
	_, span := otel.Tracer("shop").Start(ctx, "chat "+model, spans.WithSpanKind(spans.SpanKindClient))
	defer span.End()
	span.SetAttributes(
		attribute.String("gen_ai.operation.name", "chat"),
		attribute.String("gen_ai.provider.name", "openai"),
		attribute.String("gen_ai.request.model", model),
		attribute.Float64("gen_ai.request.temperature", 0),
		attribute.Int("gen_ai.request.max_tokens", 50),
		attribute.String("gen_ai.system_instructions", text([]part{{"text", system}})),
		attribute.String("gen_ai.input.messages",
			text([]said{{Role: "user", Parts: []part{{"text", question}}}})),
	)
	answer, err := complete(ctx, question)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		return "", err
	}
	choice := answer.Choices[0]
	span.SetAttributes(
		attribute.String("gen_ai.response.id", answer.ID),
		attribute.String("gen_ai.response.model", answer.Model),
		attribute.StringSlice("gen_ai.response.finish_reasons", []string{choice.FinishReason}),
		attribute.Int("gen_ai.usage.input_tokens", answer.Usage.PromptTokens),
		attribute.Int("gen_ai.usage.output_tokens", answer.Usage.CompletionTokens),
		attribute.String("gen_ai.output.messages", text([]said{{
			Role:         choice.Message.Role,
			Parts:        []part{{"text", choice.Message.Content}},
			FinishReason: choice.FinishReason,
		}})),
	)
	return choice.Message.Content, nil
}

// complete makes the request.
func complete(ctx context.Context, question string) (*completion, error) {
	body := text(map[string]any{
		"model":       model,
		"messages":    []message{{"system", system}, {"user", question}},
		"temperature": 0,
		"max_tokens":  50,
	})
	request, err := http.NewRequestWithContext(
		ctx, "POST", os.Getenv("MODEL_URL")+"/chat/completions", bytes.NewBufferString(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the model answered %s", reply.Status)
	}
	answer := &completion{}
	return answer, json.NewDecoder(reply.Body).Decode(answer)
}

func main() {
	ctx := context.Background()
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		log.Fatal(err)
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter))
	otel.SetTracerProvider(provider)

	around, span := otel.Tracer("shop").Start(ctx, "answer")
	answer, err := ask(around, os.Args[1])
	span.End()
	if stopped := provider.Shutdown(ctx); stopped != nil {
		log.Fatal(stopped)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer)
}
