"""Subscriptions of Windows Event Forwarding: source-initiated, collector-initiated, and for OpenWEC."""

from __future__ import annotations

import uuid
from xml.sax.saxutils import escape

from mailwitness.readiness.event_filter import Role, query_list

_NAMESPACE = "http://schemas.microsoft.com/2006/03/windows/events/subscription"
_URI = "http://schemas.microsoft.com/wbem/wsman/1/windows/EventLog"
FORWARDED = "ForwardedEvents"
"""The log of a collector: 20 MB unless somebody made it larger."""
_SOURCES: dict[Role, str] = {"domain-controllers": "DD", "exchange-servers": "DC"}
"""SDDL's names of the groups whose members may send: domain controllers are no domain computers."""


def source_initiated(role: Role) -> str:
    """Return the subscription that the servers themselves find through group policy (wecutil cs FILE)."""
    allowed = f"O:NSG:NSD:(A;;GA;;;{_SOURCES[role]})(A;;GA;;;NS)"
    tail = [
        "  <AllowedSourceNonDomainComputers></AllowedSourceNonDomainComputers>",
        f"  <AllowedSourceDomainComputers>{allowed}</AllowedSourceDomainComputers>",
    ]
    return _subscription(role, "SourceInitiated", tail)


def collector_initiated(role: Role, hosts: tuple[str, ...]) -> str:
    """Return the subscription with which the collector calls `hosts`."""
    sources = [
        f'    <EventSource Enabled="true"><Address>{escape(host)}</Address></EventSource>' for host in sorted(hosts)
    ]
    return _subscription(role, "CollectorInitiated", ["  <EventSources>", *sources, "  </EventSources>"])


def _subscription(role: Role, kind: str, tail: list[str]) -> str:
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<Subscription xmlns="{_NAMESPACE}">',
        f"  <SubscriptionId>Mailwitness {role}</SubscriptionId>",
        f"  <SubscriptionType>{kind}</SubscriptionType>",
        "  <Description>Exactly the events that Mailwitness reads</Description>",
        "  <Enabled>true</Enabled>",
        f"  <Uri>{_URI}</Uri>",
        "  <ConfigurationMode>Custom</ConfigurationMode>",
        '  <Delivery Mode="Push">',
        "    <Batching><MaxLatencyTime>60000</MaxLatencyTime></Batching>",
        '    <PushSettings><Heartbeat Interval="900000"/></PushSettings>',
        "  </Delivery>",
        f"  <Query><![CDATA[{query_list(role)}]]></Query>",
        "  <ReadExistingEvents>true</ReadExistingEvents>",
        "  <TransportName>http</TransportName>",
        "  <ContentFormat>Events</ContentFormat>",
        f"  <LogFile>{FORWARDED}</LogFile>",
        *tail,
        "</Subscription>",
    ]
    return "\r\n".join("\r\n".join(lines).splitlines()) + "\r\n"


def openwec(role: Role) -> str:
    """Return the subscription for OpenWEC, the collector that runs on Linux (openwec subscriptions load FILE)."""
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{_NAMESPACE}/mailwitness/{role}")
    return f'''# openwec subscriptions load {role}.openwec.toml
uuid = "{identity}"
name = "mailwitness-{role}"
query = """
{query_list(role)}
"""

[options]
enabled = true
uri = "/mailwitness-{role}"
content_format = "Raw"
read_existing_events = true
heartbeat_interval = 900
max_time = 60

[[outputs]]
driver = "Files"
format = "Raw"
config = {{ path = "/var/lib/openwec/mailwitness/{{principal}}/{role}.xml" }}
'''
