"""A kind of model: Amazon Bedrock's Converse API."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from smile_trace.models import Capabilities, Model, Request
from smile_trace.records import JSON, Call, Response, Usage
from smile_trace.settings import ModelSettings
from smile_trace_contracts.model import check_model


class BedrockSettings(ModelSettings):
    """A model of Amazon Bedrock."""

    kind: Literal["bedrock"] = "bedrock"
    region: str
    """The region that is asked."""
    model: str | None = None
    """The model's id there; by default the captured name."""

    def open(self, name: str, *, app: str | None = None, call: Call | None = None) -> Model:
        import boto3

        client = boto3.client("bedrock-runtime", region_name=self.region)
        return Bedrock(name, client, self.model or name)


class Bedrock:
    """A model of Amazon Bedrock; `client` is boto3's "bedrock-runtime"."""

    capabilities = Capabilities(remote=True)

    def __init__(self, name: str, client: Any, model_id: str) -> None:
        self.name = name
        self.identity = f"bedrock {model_id}"
        self._client = client
        self._model_id = model_id

    def deterministic(self, parameters: Mapping[str, JSON]) -> bool:
        return parameters.get("temperature") == 0

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        return await asyncio.gather(*(asyncio.to_thread(self._ask, r) for r in requests))

    async def aclose(self) -> None:
        self._client.close()

    def _ask(self, request: Request) -> Response:
        limits = {"temperature": "temperature", "max_tokens": "maxTokens", "top_p": "topP"}
        sent = {limits[n]: v for n, v in request.parameters.items() if n in limits}
        turns = [m for m in request.messages if m.role != "system"]
        try:
            reply = self._client.converse(
                modelId=self._model_id,
                system=[{"text": m.content} for m in request.messages if m.role == "system"],
                messages=[{"role": m.role, "content": [{"text": m.content}]} for m in turns],
                inferenceConfig=sent,
            )
            [part] = reply["output"]["message"]["content"]
            used = Usage(
                input_tokens=reply["usage"]["inputTokens"],
                output_tokens=reply["usage"]["outputTokens"],
            )
            return Response(text=part["text"], finish_reason=reply["stopReason"], usage=used)
        except Exception as error:  # noqa: BLE001 - boto3's errors are made at run time
            return Response(failure=f"{type(error).__name__}: {error}")


class FakeClient:
    """Answers as Bedrock does, and refuses what it refuses."""

    def converse(self, *, modelId, system, messages, inferenceConfig):
        text = messages[-1]["content"][0]["text"]
        text.encode()
        return {
            "output": {"message": {"role": "assistant", "content": [{"text": text.upper()}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": len(text), "outputTokens": len(text)},
        }

    def close(self):
        pass


def test_bedrock():
    check_model(Bedrock("claude", FakeClient(), "anthropic.claude"))
