"""A client on slixmpp: prints what it sees, and does what it is told, a line of JSON each.

Arguments: JID PASSWORD HOST PORT CERTIFICATE. The certificate is the only one that is trusted.
"""

import asyncio
import json
import sys

import slixmpp


class Client(slixmpp.ClientXMPP):
    def __init__(self, jid, password, certificate):
        super().__init__(jid, password)
        self.is_cut = False
        self.end_session_on_disconnect = False
        self.ca_certs = certificate
        self.register_plugin("xep_0198")
        # Subscriptions are answered by the test.
        self.auto_authorize = None
        self.auto_subscribe = False
        for name, handler in {
            "session_start": self.started,
            "failed_auth": lambda _: tell(event="failed_auth"),
            "disconnected": self.gone,
            "session_resumed": lambda _: tell(event="resumed"),
            "message": self.message,
            "presence": self.presence,
            "roster_update": self.roster_changed,
        }.items():
            self.add_event_handler(name, handler)

    async def started(self, _):
        await self.get_roster()
        self.send_presence()
        secure = self.transport.get_extra_info("cipher") is not None
        # The event loop itself holds tasks weakly.
        self.obeying = asyncio.ensure_future(self.obey())
        tell(event="online", jid=self.boundjid.full, secure=secure)

    def gone(self, why):
        tell(event="disconnected", why=str(why))

    def message(self, message):
        tell(event="message", **{"from": str(message["from"])}, type=message["type"], body=message["body"])

    def presence(self, presence):
        tell(
            event="presence",
            **{"from": str(presence["from"])},
            type=presence.xml.get("type", "available"),
            status=presence["status"],
        )

    def roster_changed(self, iq):
        for jid, item in iq["roster"]["items"].items():
            tell(event="roster", jid=str(jid), subscription=item["subscription"], name=item["name"])

    async def obey(self):
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        self.pipe = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            order = json.loads(line)
            to = order.get("to")
            if order["do"] == "cut":
                self.is_cut = True
                self.abort()
            elif order["do"] == "message":
                self.send_message(mto=to, mbody=order["body"], mtype="chat")
            elif order["do"] == "status":
                self.send_presence(pstatus=order["status"])
            elif order["do"] == "name":
                await self.update_roster(to, name=order["name"])
            else:
                self.send_presence(pto=to, ptype=order["do"])
        self.disconnect()


def tell(**event):
    print(json.dumps(event), flush=True)


def main():
    jid, password, host, port, certificate = sys.argv[1:]
    client = Client(jid, password, certificate)
    client.is_cut = True
    while client.is_cut:
        client.is_cut = False
        client.connect((host, int(port)))
        client.process(forever=False)


main()
