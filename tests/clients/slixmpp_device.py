"""One of several devices on slixmpp: copies, client states and stream management of its own making.

Arguments: JID PASSWORD HOST PORT CERTIFICATE. The certificate is the only one that is trusted.
"""

import asyncio
import json
import sys

import slixmpp


class Device(slixmpp.ClientXMPP):
    def __init__(self, jid, password, certificate):
        super().__init__(jid, password)
        self.ca_certs = certificate
        for name in ("xep_0085", "xep_0198", "xep_0280", "xep_0352"):
            self.register_plugin(name)
        for name, handler in {
            "session_start": self.started,
            "csi_enabled": lambda _: tell(event="csi"),
            "session_resumed": lambda _: tell(event="resumed"),
            "message": self.message,
            "carbon_received": lambda m: self.copy("received", m["carbon_received"]),
            "carbon_sent": lambda m: self.copy("sent", m["carbon_sent"]),
            "presence": self.presence,
            "chatstate_composing": lambda m: tell(event="composing", **{"from": str(m["from"])}),
        }.items():
            self.add_event_handler(name, handler)

    async def started(self, _):
        await self["xep_0280"].enable()
        self.send_presence()
        # The event loop itself holds tasks weakly.
        self.obeying = asyncio.ensure_future(self.obey())
        tell(event="online", jid=self.boundjid.full)

    def message(self, message):
        if message["body"]:
            tell(event="message", **{"from": str(message["from"])}, body=message["body"])

    def copy(self, direction, message):
        if message["body"]:
            to, sender = str(message["to"]), str(message["from"])
            tell(event="copy", direction=direction, to=to, body=message["body"], **{"from": sender})

    def presence(self, presence):
        tell(event="presence", **{"from": str(presence["from"])}, status=presence["status"])

    async def obey(self):
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        self.pipe = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            order = json.loads(line)
            if order["do"] == "message":
                self.send_message(mto=order["to"], mbody=order["body"], mtype="chat")
            elif order["do"] == "composing":
                message = self.make_message(mto=order["to"], mtype="chat")
                message["chat_state"] = "composing"
                message.send()
            elif order["do"] == "status":
                self.send_presence(pto=order["to"], pstatus=order["status"])
            elif order["do"] == "inactive":
                self["xep_0352"].send_inactive()
            elif order["do"] == "active":
                self["xep_0352"].send_active()
            elif order["do"] == "lose":
                # As a phone does that leaves the network: nothing is said.
                self.transport.abort()
            elif order["do"] == "come back":
                self.connect(self.where)
            tell(event="done", what=order["do"])
        await self.disconnect()
        loop.stop()


def tell(**event):
    print(json.dumps(event), flush=True)


def main():
    jid, password, host, port, certificate = sys.argv[1:]
    device = Device(jid, password, certificate)
    device.where = (host, int(port))
    device.connect(device.where)
    # Not only until the first disconnection.
    device.process()


main()
