"""The application under test. The answers of its model are recorded, so that it asks nobody.

After a change of a prompt, record what is missing, once: RECORD_WITH=demo-completion pytest .
(or with a model of smile_trace.toml).
"""

import os
from pathlib import Path

import smile_trace
from smile_trace.models import Request
from smile_trace.records import Message
from smile_trace.testing import RecordedModel

LANDMARKS = (
    *("The Eiffel Tower", "Big Ben", "The Statue of Liberty", "The Brandenburg Gate"),
    *("The Acropolis", "The Louvre", "Buckingham Palace", "The Hagia Sophia"),
    *("The Sagrada Familia", "The Empire State Building", "Red Square", "The Vatican Museums"),
)
EXAMPLES = """Landmarks and their cities.
The Colosseum: Rome
The Forbidden City: Beijing
The Taj Mahal: Agra
"""
VERSIONS = {
    "1": f"{EXAMPLES}Be kind and friendly.\n{{landmark}}:",
    "2": f"{EXAMPLES}{{landmark}}:",  # shorter, and as good
    "3": f"{EXAMPLES}Be kind and friendly.\nThe next landmark:",  # a slip: what is asked is lost
}
model = RecordedModel(Path(__file__).with_name("app_answers.jsonl"), os.environ.get("RECORD_WITH"))


@smile_trace.trace(model="recorded", rerun=True)
async def ask(prompt: str) -> str:
    """The call site. Your application asks its provider here."""
    request = Request(
        messages=(Message(role="user", content=prompt),),
        form="completion",
        parameters={"temperature": 0, "max_tokens": 2},
    )
    (response,) = await model.generate([request])
    return response.text or ""


async def main() -> None:
    """Every version answers the same inputs."""
    for version, template in VERSIONS.items():
        prompt = smile_trace.Prompt("landmark", version=version, template=template)
        for landmark in LANDMARKS:
            await ask(prompt.format(landmark=landmark))


if __name__ == "__main__":
    import asyncio

    asyncio.run(main())
