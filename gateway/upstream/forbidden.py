"""What a 403 says of the key, as rules for every dialect; what has no rule is about the request, and says nothing.

A 403 is about the key as a whole, about its permission for one model, or about what was asked: unsafe words, a
stranger's file, a country. Callers choose models, files and words, so only the first two may cost others anything,
and only where the provider's code says so or the message begins so (what callers wrote is quoted further on).
"""

import re

from gateway.upstream.verdict import Rule

_403 = frozenset({403})
_GONE = (
    r"(?:deactivated|revoked|suspended|deleted|expired|leaked"
    r"|(?:currently )?(?:disabled|blocked|restricted)(?! (?:from|for|to)\b))"
)
#: Nothing goes with this key any more. Groq answers 400 for it, and so does Anthropic.
KEY_SHUT = Rule(
    "credential",
    frozenset({400, 403}),
    frozenset({"invalid_api_key", "account_deactivated", "organization_restricted"}),
    re.compile(
        r"(?:(?:This|Your|The|The provided) )?(?:OpenAI )?(?:API key|key|account|organization|project|team)"
        rf"(?: [\w.*-]{{1,64}})? (?:is|was|has been|has)(?: reported as)? {_GONE}"
        r"|This key is associated with a deactivated account|Incorrect API key provided",
        re.I,
    ),
)
#: As a 400 that may be about the caller's own key, of a tool.
KEY_UNKNOWN = Rule("credential", _403, says=re.compile("Invalid API key", re.I))
#: The key is good, and not for this model.
MODEL_DENIED = Rule(
    "model",
    _403,
    frozenset({"model_not_found", "model_permission_blocked_org", "model_permission_blocked_project"}),
    re.compile(
        r"(?:(?:This|Your|The) )?(?:API key|key|account|organization|project|team)(?: \S{1,64})?"
        r" (?:does not have (?:access|permission) to(?: use)?"
        r"|(?:is not|isn't) (?:allowed|authorized) to (?:use|access))"
        r"(?: the| this)? model\b"
        r"|You are not allowed to sample from this model"
        r"|You (?:do not|don't) have (?:access|permission) to(?: use)?(?: the| this)? model\b"
        r"|Your organization must be verified to use the model",
        re.I,
    ),
)
FORBIDDEN = (KEY_SHUT, KEY_UNKNOWN, MODEL_DENIED)
