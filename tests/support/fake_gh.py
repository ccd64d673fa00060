"""GitHub's `gh` and its comments, as far as action.yml uses them; anything else is refused.

Run as a program: FAKE_GITHUB names a file with the comments of pull request 7 of `us/shop`.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

COMMENTS = "repos/us/shop/issues/7/comments"
LONGEST, PER_PAGE = 65_536, 2


def main(arguments: list[str]) -> None:
    """Answer as `gh api` does."""
    if os.environ.get("GH_TOKEN") != "the workflow's":
        sys.exit("gh: To use GitHub CLI in a GitHub Actions workflow, set the GH_TOKEN")
    file = Path(os.environ["FAKE_GITHUB"])
    comments: list[dict[str, Any]] = json.loads(file.read_text("utf-8"))
    match arguments:
        case ["api", "--paginate", path, "--jq", wanted] if path == COMMENTS:
            for page in range(0, len(comments), PER_PAGE):
                given = json.dumps(comments[page : page + PER_PAGE])
                subprocess.run(["jq", "-r", wanted], input=given, text=True, check=True)
            return
        case ["api", "--method", "POST", path, "-F", body] if path == COMMENTS:
            number = 1 + max((one["id"] for one in comments), default=0)
            comments.append({"id": number, "user": {"type": "Bot"}, "body": _read(body)})
        case ["api", "--method", "PATCH", path, "-F", body] if _id(path) is not None:
            [one] = [one for one in comments if one["id"] == _id(path)]
            one["body"] = _read(body)
        case _:
            sys.exit(f"gh: Not Found (HTTP 404): {arguments}")
    file.write_text(json.dumps(comments), "utf-8")
    print("{}")


def _id(path: str) -> int | None:
    found = re.fullmatch(r"repos/us/shop/issues/comments/(\d+)", path)
    return int(found[1]) if found else None


def _read(field: str) -> str:
    name, _, file = field.partition("=@")
    text = Path(file).read_text("utf-8")
    if name != "body" or not 0 < len(text) <= LONGEST:
        sys.exit("gh: Validation Failed (HTTP 422): body is too long (maximum is 65536 characters)")
    return text


if __name__ == "__main__":
    main(sys.argv[1:])
