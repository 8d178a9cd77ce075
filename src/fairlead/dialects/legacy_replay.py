"""A whole text completion told as a stream, and a stream gathered into the completion it told: for answers that are told
again."""

from __future__ import annotations

from fairlead.dialects.openai_chat.replay import DONE
from fairlead.dialects.replaying import Json, put_together, written


def proper(answer: Json) -> bool:
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        return False
    return all(one.get("finish_reason") == "stop" and one["text"].strip() for one in choices)


def streamed(answer: Json, options: object) -> bytes | None:
    wanted = options if isinstance(options, dict) else {}
    tells = bool(wanted.get("include_usage"))
    if not wanted.keys() <= {"include_usage"} or (tells and not answer.get("usage")) or not proper(answer):
        return None
    frame = {name: value for name, value in answer.items() if name not in ("choices", "usage")}
    said = [written({**frame, "choices": [choice]}) for choice in answer["choices"]]
    if tells:
        said.append(written({**frame, "choices": [], "usage": answer["usage"]}))
    return b"".join(said) + DONE


def gathered(stream: bytes) -> tuple[Json, bool] | None:
    return put_together(stream, _add)


def _add(choice: Json, told: Json) -> bool:
    if "text" not in choice:
        choice.update(told)
        return True
    choice["text"] += told.get("text") or ""
    choice["finish_reason"] = told.get("finish_reason") or choice.get("finish_reason")
    return not told.get("logprobs")
