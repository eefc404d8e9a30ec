"""Runs ad-hoc commands with slixmpp's XEP-0050 plugin and prints what it saw, a line of JSON each.

Arguments: JID PASSWORD HOST PORT CERTIFICATE.
"""

import asyncio
import json
import sys

import slixmpp

ADMIN = "http://jabber.org/protocol/admin"


def tell(**event):
    print(json.dumps(event), flush=True)


class Client(slixmpp.ClientXMPP):
    def __init__(self, jid, password, certificate):
        super().__init__(jid, password)
        self.ca_certs = certificate
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0004")
        self.register_plugin("xep_0050")
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("failed_auth", lambda _: tell(event="failed_auth"))

    async def started(self, _):
        # The event loop itself holds tasks weakly.
        self.running = asyncio.ensure_future(self.run())

    async def run(self):
        try:
            await self.commands()
        except Exception as e:
            tell(event="error", why=repr(e))
        self.disconnect()

    async def commands(self):
        adhoc = self.plugin["xep_0050"]
        listed = await adhoc.get_commands(jid=self.boundjid.domain)
        nodes = [node for _, node, _ in listed["disco_items"]["items"]]
        tell(event="listed", nodes=sorted(nodes))
        # At once.
        answer = await self.ask(node=f"{ADMIN}#get-registered-users-num")
        field = answer["command"]["form"].get_fields()["registeredusersnum"]
        tell(event="number", value=field["value"])
        # With a form.
        node = f"{ADMIN}#add-user"
        answer = await self.ask(node=node)
        form = answer["command"]["form"]
        tell(event="form", title=form["title"], fields=list(form.get_fields()))
        form.reply()
        form["type"] = "submit"
        form["values"] = {
            "accountjid": f"nurse@{self.boundjid.domain}",
            "password": "a good password",
            "password-verify": "a good password",
        }
        done = await self.ask(
            node=node,
            action="complete",
            sessionid=answer["command"]["sessionid"],
            payload=form,
        )
        tell(event="done", status=done["command"]["status"], notes=done["command"]["notes"])

    async def ask(self, node, **more):
        adhoc = self.plugin["xep_0050"]
        action = more.pop("action", "execute")
        return await adhoc.send_command(self.boundjid.domain, node, action=action, **more)


def main():
    jid, password, host, port, certificate = sys.argv[1:]
    client = Client(jid, password, certificate)
    client.connect((host, int(port)))
    client.process(forever=False)


main()
