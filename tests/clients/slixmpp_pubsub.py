"""A client on slixmpp that uses nodes of the service and of its account: a line of JSON for each step.

Arguments: JID PASSWORD HOST PORT CERTIFICATE. The certificate is the only one that is trusted.
"""

import asyncio
import json
import sys
import xml.etree.ElementTree as ET

import slixmpp

ENTRY = "urn:example:entry"
TUNE = "http://jabber.org/protocol/tune"


class Client(slixmpp.ClientXMPP):
    def __init__(self, jid, password, certificate):
        super().__init__(jid, password)
        self.ca_certs = certificate
        for plugin in ("xep_0030", "xep_0060", "xep_0115", "xep_0163"):
            self.register_plugin(plugin)
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("failed_auth", lambda _: tell(event="failed_auth"))
        self.add_event_handler("pubsub_publish", self.published)
        self.add_event_handler("pubsub_retract", self.retracted)
        self.add_event_handler("pubsub_purge", lambda m: tell(event="purge", node=node_of(m, "purge")))
        self.add_event_handler("pubsub_delete", lambda m: tell(event="delete", node=node_of(m, "delete")))

    def published(self, message):
        items = message["pubsub_event"]["items"]
        tell(event="item", node=items["node"], source=message["from"].full, id=items["item"]["id"])

    def retracted(self, message):
        items = message["pubsub_event"]["items"]
        tell(event="retract", node=items["node"], id=items["retract"]["id"])

    async def started(self, _):
        self["xep_0163"].add_interest(TUNE)
        await self["xep_0115"].update_caps()
        self.send_presence()
        # The event loop itself holds tasks weakly.
        self.working = asyncio.ensure_future(self.work())

    async def work(self):
        try:
            await self.service("pubsub.localhost")
            await self.account()
        except slixmpp.exceptions.IqError as e:
            tell(event="error", condition=e.condition, text=str(e.iq))
        await self.disconnect()

    async def service(self, service):
        pubsub = self["xep_0060"]
        form = self["xep_0004"].make_form(ftype="submit")
        form.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#node_config")
        form.add_field(var="pubsub#title", value="Musings")
        form.add_field(var="pubsub#max_items", value="2")
        await pubsub.create_node(service, "musings", config=form)
        config = (await pubsub.get_node_config(service, "musings"))["pubsub_owner"]["configure"]["form"]
        tell(event="config", title=config.get_values()["pubsub#title"])
        subscribed = await pubsub.subscribe(service, "musings")
        tell(event="subscribed", state=subscribed["pubsub"]["subscription"]["subscription"])
        for name in ("one", "two", "three"):
            await pubsub.publish(service, "musings", id=name, payload=ET.Element("{%s}entry" % ENTRY))
        found = (await pubsub.get_items(service, "musings"))["pubsub"]["items"]
        tell(event="items", ids=[item["id"] for item in found])
        mine = (await pubsub.get_subscriptions(service))["pubsub"]["subscriptions"]
        tell(event="subscriptions", nodes=[s["node"] for s in mine])
        mine = (await pubsub.get_affiliations(service))["pubsub"]["affiliations"]
        tell(event="affiliations", own=[a["affiliation"] for a in mine])
        await pubsub.modify_affiliations(service, "musings", [("romeo@localhost", "publisher")])
        all_of_them = (await pubsub.get_node_affiliations(service, "musings"))["pubsub_owner"]["affiliations"]
        tell(event="everybody", jids=sorted(a["jid"].bare for a in all_of_them))
        nodes = (await pubsub.get_nodes(service))["disco_items"]["items"]
        tell(event="nodes", nodes=[node for _, node, _ in nodes])
        await pubsub.retract(service, "musings", "three")
        await pubsub.purge(service, "musings")
        await pubsub.delete_node(service, "musings")

    async def account(self):
        pubsub = self["xep_0060"]
        payload = ET.Element("{%s}tune" % TUNE)
        await pubsub.publish(self.boundjid.bare, TUNE, id="current", payload=payload)
        own = (await pubsub.get_items(self.boundjid.bare, TUNE))["pubsub"]["items"]
        tell(event="own", ids=[item["id"] for item in own])
        await asyncio.sleep(0.2)


def node_of(message, what):
    return message["pubsub_event"][what]["node"]


def tell(**event):
    print(json.dumps(event), flush=True)


def main():
    jid, password, host, port, certificate = sys.argv[1:]
    client = Client(jid, password, certificate)
    client.connect((host, int(port)))
    client.process(forever=False)


main()
