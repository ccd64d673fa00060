"""Every reader of data that another program or person wrote, a file each.

The unit tests (`tests/unit/hostile/test_readers.py`) give each of them random and mutated inputs;
`make fuzz` searches for inputs with the coverage of the code (`tests/fuzz`).
"""

from tests.support.readers.attributes import ATTRIBUTES
from tests.support.readers.base import ForeignReader as ForeignReader
from tests.support.readers.captured_calls import CAPTURED_CALLS
from tests.support.readers.command_files import COMMAND_FILES
from tests.support.readers.embeddings_replies import EMBEDDINGS_REPLIES
from tests.support.readers.http_replies import HTTP_REPLIES
from tests.support.readers.imports import IMPORTS
from tests.support.readers.model_replies import MODEL_REPLIES
from tests.support.readers.otlp_files import OTLP_FILES
from tests.support.readers.pages import PAGES
from tests.support.readers.presentable_texts import PRESENTABLE_TEXTS
from tests.support.readers.prompts import PROMPTS
from tests.support.readers.pulled_replies import LANGFUSE_TRACES, OPIK_TRACES, PHOENIX_TRACES
from tests.support.readers.pulled_traces import PULLED_TRACES
from tests.support.readers.received_requests import RECEIVED_REQUESTS
from tests.support.readers.redacted_texts import REDACTED_TEXTS
from tests.support.readers.settings_files import SETTINGS_FILES
from tests.support.readers.spool_lines import SPOOL_LINES
from tests.support.readers.stored_records import STORED_RECORDS
from tests.support.readers.tracker_bodies import TRACKER_BODIES
from tests.support.readers.tracker_documents import TRACKER_DOCUMENTS
from tests.support.readers.tracker_replies import TRACKER_REPLIES

READERS: tuple[ForeignReader, ...] = (
    SPOOL_LINES,
    RECEIVED_REQUESTS,
    OTLP_FILES,
    PULLED_TRACES,
    PHOENIX_TRACES,
    LANGFUSE_TRACES,
    OPIK_TRACES,
    ATTRIBUTES,
    IMPORTS,
    STORED_RECORDS,
    MODEL_REPLIES,
    EMBEDDINGS_REPLIES,
    HTTP_REPLIES,
    TRACKER_REPLIES,
    TRACKER_DOCUMENTS,
    TRACKER_BODIES,
    SETTINGS_FILES,
    COMMAND_FILES,
    CAPTURED_CALLS,
    PROMPTS,
    PRESENTABLE_TEXTS,
    REDACTED_TEXTS,
    PAGES,
)
