"""A client on slixmpp that uploads files by XEP-0363: an order and an event are a line of JSON each.

Arguments: JID PASSWORD HOST PORT CERTIFICATE. The certificate is the only one that is trusted, for
XMPP and for https. An order names a file; the event that answers it has its URL, or the error.
"""

import asyncio
import json
import os
import sys

# Read by OpenSSL when the first https connection is made.
os.environ["SSL_CERT_FILE"] = sys.argv[5]

import slixmpp
from slixmpp.exceptions import IqError


class Client(slixmpp.ClientXMPP):
    def __init__(self, jid, password, certificate):
        super().__init__(jid, password)
        self.ca_certs = certificate
        for plugin in ("xep_0004", "xep_0030", "xep_0128", "xep_0363"):
            self.register_plugin(plugin)
        self.add_event_handler("session_start", self.started)

    async def started(self, _):
        self.send_presence()
        # The plugin's own search does not run on Python 3.11 and later.
        disco, upload = self["xep_0030"], self["xep_0363"]
        items = await disco.get_items(jid=self.boundjid.domain)
        for jid, _, _ in items["disco_items"]["items"]:
            info = (await disco.get_info(jid=jid))["disco_info"]
            if "urn:xmpp:http:upload:0" in info["features"]:
                upload.upload_service = jid
                upload.max_file_size = int(info["form"]["values"]["max-file-size"])
        self.obeying = asyncio.ensure_future(self.obey())
        tell(event="online")

    async def obey(self):
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        self.pipe = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            file = json.loads(line)["file"]
            try:
                url = await self["xep_0363"].upload_file(file, timeout=10)
                tell(event="uploaded", file=file, url=url, service=str(self["xep_0363"].upload_service))
            except IqError as e:
                tell(event="refused", file=file, condition=e.condition, text=e.text)
            except Exception as e:
                tell(event="failed", file=file, why=f"{type(e).__name__}: {e}")
        self.disconnect()


def tell(**event):
    print(json.dumps(event), flush=True)


def main():
    jid, password, host, port, certificate = sys.argv[1:]
    client = Client(jid, password, certificate)
    client.connect((host, int(port)))
    client.process(forever=False)


main()
