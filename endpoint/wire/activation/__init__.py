"""The activation: the code, three exchanges of messages, what each side checks, and the cloud's refusals.

    step 1  challenge  {activationId}                         -> {srpB, url, version, srpGroup, srpS}
    step 2  invoke     {srpA, oauthDataHMAC, srpB, oauthData} -> {serviceData, serviceDataHMAC, url}
    step 3  register   {srpB, registerData, registerDataHMAC} -> {configData, configDataHMAC}

`code` is what a person types, `messages` what is sent, `replies` what the device checks, `requests` what the cloud checks, `rules` the
limits and refusals as data. The arithmetic is in `endpoint.wire.srp`, the sealed fields are in `endpoint.wire.envelope`.

Source: protocol/activation-and-media.md 2.2 to 2.9.
"""

from __future__ import annotations

from endpoint.wire.activation.code import Code, MalformedCode, is_activation_id, parse_code
from endpoint.wire.activation.messages import (
    CLIENT_ID,
    DEFAULT_SCOPE,
    SRP_GROUP,
    VERSION,
    ChallengeReply,
    ChallengeRequest,
    ConfigData,
    ConfigReply,
    InvokeRequest,
    OauthData,
    RefusalBody,
    RegisterData,
    RegisterRequest,
    ServiceData,
    ServiceReply,
    open_message,
)
from endpoint.wire.activation.replies import (
    Challenge,
    ChallengeRejected,
    RejectReason,
    UrlRule,
    open_config_data,
    open_service_data,
    read_challenge_reply,
    read_config_reply,
    read_refusal,
    read_service_reply,
)
from endpoint.wire.activation.requests import (
    RequestRefused,
    SealedRequest,
    challenge_key,
    read_challenge_request,
    read_invoke_request,
    read_register_request,
)
from endpoint.wire.activation.rules import ERRORS, ErrorRow, device_text

__all__ = [
    "CLIENT_ID",
    "DEFAULT_SCOPE",
    "ERRORS",
    "SRP_GROUP",
    "VERSION",
    "Challenge",
    "ChallengeRejected",
    "ChallengeReply",
    "ChallengeRequest",
    "Code",
    "ConfigData",
    "ConfigReply",
    "ErrorRow",
    "InvokeRequest",
    "MalformedCode",
    "OauthData",
    "RefusalBody",
    "RegisterData",
    "RegisterRequest",
    "RejectReason",
    "RequestRefused",
    "SealedRequest",
    "ServiceData",
    "ServiceReply",
    "UrlRule",
    "challenge_key",
    "device_text",
    "is_activation_id",
    "open_config_data",
    "open_message",
    "open_service_data",
    "parse_code",
    "read_challenge_reply",
    "read_challenge_request",
    "read_config_reply",
    "read_invoke_request",
    "read_refusal",
    "read_register_request",
    "read_service_reply",
]
