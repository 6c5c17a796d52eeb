"""requests 2 against the XML API. Source: protocol/xapi.md 5, 6, 14 item 4. Argument: base URL."""

from __future__ import annotations

import json
import queue
import sys
import threading
import xml.etree.ElementTree as ET
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
import urllib3
from steps import PATIENCE_S, end, equal, ready, step

urllib3.disable_warnings()
URL = sys.argv[1]
DEVICE = ready("DEVICE")
LOGIN = DEVICE["username"], DEVICE["password"]
XML = {"Content-Type": "text/xml"}
PANEL = "<Extensions><Panel><PanelId>p1</PanelId><Name>æøå</Name></Panel></Extensions>"


class Receiver(BaseHTTPRequestHandler):
    """Takes deliveries: content type and body."""

    heard: queue.Queue[tuple[str, bytes]] = queue.Queue()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.heard.put((self.headers["Content-Type"], body))

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def session(login: tuple[str, str] | None = LOGIN) -> requests.Session:
    made = requests.Session()
    made.verify = False
    made.trust_env = False  # REQUESTS_CA_BUNDLE would count more than verify
    made.auth = login
    return made


def put(client: requests.Session, text: str, status: int = 200) -> ET.Element | None:
    answer = client.post(f"{URL}/putxml", data=text.encode(), headers=XML)
    equal(answer.status_code, status)
    return ET.fromstring(answer.content) if status == 200 else None


def get(client: requests.Session, location: str) -> ET.Element:
    answer = client.get(f"{URL}/getxml", params={"location": location})
    equal((answer.status_code, answer.headers["Content-Type"]), (200, "text/xml; charset=UTF-8"))
    return ET.fromstring(answer.content)


def main() -> None:
    with step("without credentials"):
        answer = session(None).get(f"{URL}/getxml?location=/Status/Audio/Volume")
        equal((answer.status_code, answer.headers["WWW-Authenticate"]), (401, 'Basic realm="CISCO-Endpoint"'))
        equal(answer.headers["Content-Type"], "text/plain; charset=UTF-8")
        equal(answer.text.startswith("401 Unauthorized"), True)
        equal(session((LOGIN[0], "wrong")).get(f"{URL}/status.xml").status_code, 401)
    client = session()
    with step("headers"):
        headers = client.get(f"{URL}/getxml?location=/Status/Audio/Volume").headers
        wanted = {"Server": "nginx", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store, max-age=0"}
        equal({name: headers[name] for name in wanted}, wanted)
        equal("Access-Control-Allow-Origin" in headers, False)
    with step("a session, and the cookie alone"):
        sessions()
    with step("the four documents"):
        documents(client)
    with step("getxml"):
        for location in (
            "/Status/Audio/Volume",
            "Status/Audio/Volume",
            "/Status/Audio/Volume/",
            "/status/audio/volume",
        ):
            root = get(client, location)
            equal((root.tag, root.attrib["product"], root.findtext("Audio/Volume")), ("Status", "Cisco Codec", "50"))
            equal(len(list(root.iter())), 3)
        equal(get(client, "/Configuration/Audio/DefaultVolume").find("Audio/DefaultVolume").attrib,
              {"valueSpaceRef": "/Valuespace/INT_0_100"})  # fmt: skip
        equal(get(client, "//Volume").find(".//Audio/Volume").text, "50")
        equal(get(client, "/Status/Nope").tag, "EmptyResult")
        equal(client.get(f"{URL}/getxml").status_code, 400)
    with step("arrays have items"):
        connectors = get(client, "/Status/Video/Input/Connector").findall("Video/Input/Connector")
        equal(connectors[0].attrib, {"item": "1", "maxOccurrence": "n"})
        equal(len(get(client, "/Status/Video/Input/Connector[1]").findall("Video/Input/Connector")), 1)
    with step("putxml of a configuration"):
        configuration(client)
    with step("putxml of commands"):
        commands(client)
    with step("putxml of what is no command, and no XML"):
        root = put(client, "<Command><Not><There/></Not></Command>")
        equal((root.tag, root.findtext("Reason")), ("ActionError", "No action detected in document"))
        put(client, "<Command><Audio>", 400)
        put(client, '<!DOCTYPE a [<!ENTITY b "c">]><Command><Audio>&b;</Audio></Command>', 400)
        put(client, "", 400)
        answer = client.post(f"{URL}/putxml", data=b"x" * (17 * 1024 * 1024), headers=XML)
        equal(answer.status_code, 413)
    with step("a body of several lines"):
        save = "<Panel><Save><PanelId>p1</PanelId><body>{}</body></Save></Panel>"
        save = f"<Command><UserInterface><Extensions>{save}</Extensions></UserInterface></Command>"
        escaped = PANEL.replace("<", "&lt;")
        for body in (f"<![CDATA[{PANEL}]]>", escaped):
            equal(put(client, save.format(body)).find("PanelSaveResult").attrib, {"status": "OK"})
        listed = put(client, "<Command><UserInterface><Extensions><List/></Extensions></UserInterface></Command>")
        equal("æøå" in "".join(listed.itertext()), True)
        put(client, "<Command><UserInterface><Extensions><Clear/></Extensions></UserInterface></Command>")
    with step("methods and paths"):
        equal(client.get(f"{URL}/putxml").status_code, 405)
        equal(client.get(f"{URL}/nope").status_code, 404)
        equal(client.post(f"{URL}/bookingsputxml", data="<Bookings></Bookings>", headers=XML).status_code, 200)
    with step("HttpFeedback to two slots"):
        feedback(client)


def sessions() -> None:
    client = session()
    answer = client.post(f"{URL}/xmlapi/session/begin")
    equal((answer.status_code, answer.content), (204, b""))
    cookie = answer.headers["Set-Cookie"]
    secure = "; Secure" if URL.startswith("https") else ""
    equal(cookie, f"SessionId={client.cookies['SessionId']}; Path=/; HttpOnly{secure}")
    client.auth = None
    equal(get(client, "/Status/Audio/Volume").findtext("Audio/Volume"), "50")
    mine = put(client, "<Command><Security><Session><List/></Session></Security></Command>").find("SessionListResult")
    equal([one.findtext("UserName") for one in mine.findall("Session")], [LOGIN[0]])
    answer = client.post(f"{URL}/xmlapi/session/end")
    equal(answer.status_code, 204)
    equal(client.post(f"{URL}/xmlapi/session/end").status_code, 200)
    equal(client.get(f"{URL}/status.xml").status_code, 401)


def documents(client: requests.Session) -> None:
    roots = {name: ET.fromstring(client.get(f"{URL}/{name}.xml").content) for name in
             ("status", "configuration", "command", "valuespace")}  # fmt: skip
    equal([root.tag for root in roots.values()], ["Status", "Configuration", "Command", "Valuespace"])
    equal(roots["status"].findtext("Audio/Volume"), "50")
    leaf = roots["configuration"].find("Audio/DefaultVolume")
    equal((leaf.text, leaf.attrib["valueSpaceRef"]), ("50", "/Valuespace/INT_0_100"))
    space = roots["valuespace"].find("INT_0_100")
    equal((space.attrib["type"], space.findtext("Min"), space.findtext("Max")), ("Integer", "0", "100"))
    command = roots["command"].find("Audio/Volume/Set")
    equal(command.attrib, {"command": "True"})
    equal((command.find("Level").attrib["required"], command.find("Level").attrib["type"]), ("True", "Integer"))


def configuration(client: requests.Session) -> None:
    def of(value: object) -> str:
        return f"<Configuration><Audio><DefaultVolume>{value}</DefaultVolume></Audio></Configuration>"

    for value in (55, 55, 50):
        root = put(client, of(value))
        equal((root.tag, [child.tag for child in root]), ("Configuration", ["Success"]))
        equal(get(client, "/Configuration/Audio/DefaultVolume").findtext("Audio/DefaultVolume"), str(value))
    leaf = put(client, of(101)).find("Audio/DefaultVolume")
    equal((leaf.attrib["error"], leaf.text), ("True", "Illegal value"))
    equal(get(client, "/Configuration/Audio/DefaultVolume").findtext("Audio/DefaultVolume"), "50")


def commands(client: requests.Session) -> None:
    def of(level: object, marked: str = "") -> str:
        return f"<Audio><Volume><Set{marked}><Level>{level}</Level></Set></Volume></Audio>"

    for level, marked in ((41, ' command="True"'), (42, "")):
        root = put(client, f"<Command>{of(level, marked)}</Command>")
        equal([(child.tag, child.attrib) for child in root], [("VolumeSetResult", {"status": "OK"})])
        equal(get(client, "/Status/Audio/Volume").findtext("Audio/Volume"), str(level))
    root = put(client, f"<Command>{of(43)}<Audio><Microphones><Mute/></Microphones></Audio></Command>")
    equal([child.tag for child in root], ["VolumeSetResult", "MicrophonesMuteResult"])
    equal(get(client, "/Status/Audio/Microphones/Mute").findtext("Audio/Microphones/Mute"), "On")
    root = put(client, f"<Command><Audio><Microphones><Unmute/></Microphones></Audio>{of(50)}</Command>")
    equal([child.attrib["status"] for child in root], ["OK", "OK"])
    for wrong in ("101", "loud", ""):
        equal(put(client, f"<Command>{of(wrong)}</Command>")[0].attrib, {"status": "ParameterError"})
    root = put(
        client,
        "<Command><UserManagement><User><Delete><Username>nobody</Username></Delete></User></UserManagement></Command>",
    )
    equal(
        (root[0].tag, root[0].attrib, bool(root[0].findtext("Reason"))), ("UserDeleteResult", {"status": "Error"}, True)
    )


def feedback(client: requests.Session) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    receiver = f"http://127.0.0.1:{server.server_port}/feedback"

    def slot(number: int, form: str) -> str:
        fields = f"<FeedbackSlot>{number}</FeedbackSlot><ServerUrl>{receiver}</ServerUrl><Format>{form}</Format>"
        fields += "<Expression>/Status/Audio/Volume</Expression><Expression>/Event/UserInterface</Expression>"
        return f"<HttpFeedback><Register>{fields}</Register></HttpFeedback>"

    root = put(client, f"<Command>{slot(1, 'JSON')}{slot(2, 'XML')}</Command>")
    equal([child.attrib["status"] for child in root], ["OK", "OK"])
    put(client, "<Command><Audio><Volume><Set><Level>66</Level></Set></Volume></Audio></Command>")
    told = dict(Receiver.heard.get(timeout=PATIENCE_S) for _ in range(2))
    equal(sorted(told), ["application/json", "text/xml; charset=UTF-8"])
    from_json = json.loads(told["application/json"])
    equal(list(from_json), ["Status"])
    equal(from_json["Status"]["Audio"], {"Volume": {"Value": "66"}})
    equal(from_json["Status"]["Identification"]["ProductID"], {"Value": "Cisco Room Bar"})
    from_xml = ET.fromstring(told["text/xml; charset=UTF-8"])
    equal((from_xml.tag, from_xml[0].tag, from_xml.findtext("Audio/Volume")), ("Status", "Identification", "66"))
    equal(from_xml.findtext("Identification/ProductID"), "Cisco Room Bar")
    fields = {child.tag: child.text for child in from_xml[0]}
    equal(
        {name: leaf["Value"] for name, leaf in from_json["Status"]["Identification"].items()},
        {k: v or "" for k, v in fields.items()},
    )
    states = [one.findtext("Status") for one in get(client, "/Status/HttpFeedback").findall("HttpFeedback")]
    equal(states, ["OK", "OK"])
    for number in (1, 2):
        text = f"<Command><HttpFeedback><Deregister><FeedbackSlot>{number}</FeedbackSlot></Deregister></HttpFeedback></Command>"
        equal(put(client, text)[0].attrib, {"status": "OK"})
    put(client, "<Command><Audio><Volume><Set><Level>50</Level></Set></Volume></Audio></Command>")
    equal(get(client, "/Status/HttpFeedback").tag, "EmptyResult")
    equal(Receiver.heard.qsize(), 0)
    server.shutdown()


main()
end()
