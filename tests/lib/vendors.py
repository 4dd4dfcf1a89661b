"""What each vendor's phone asks for, and how its firmware would read the answer.

Request paths and User-Agents are those of real phones; answers are read with a parser of their
format, never by searching the text.
"""
import json
import urllib.parse
import xml.etree.ElementTree as xml


class Vendor:
    """One answer format: `path` and `user_agent` take the phone's MAC; `read` gives (url, password)."""

    def __init__(self, name, path, user_agent, read, then=None):
        self.name, self.path, self.user_agent, self.read, self.then = name, path, user_agent, read, then

    def paths(self, mac):
        return self.path.format(mac=mac.lower(), MAC=mac)

    def agent(self, mac):
        pairs = [mac[i:i + 2].lower() for i in range(0, 12, 2)]
        return self.user_agent.format(mac=mac.lower(), MAC=mac, colons=":".join(pairs))

    def boot(self, phone, tls=None):
        """Asks as the phone does and returns (answer, url, password)."""
        answer = phone.boot(self.paths(phone.mac), self.agent(phone.mac), tls)
        if answer.status == 200 and self.then:
            answer = phone.boot("/" + self.then(answer.body), self.agent(phone.mac), tls)
        assert answer.status == 200, answer
        return (answer, *self.read(answer.body))


def _yealink(body):
    lines = body.decode().splitlines()
    assert lines[0] == "#!version:1.0.0.1", lines[0]
    settings, passwords = {}, {}
    for line in lines[1:]:
        if not line.strip() or line.startswith("#"):
            continue
        key, value = (part.strip() for part in line.split("=", 1))
        if key == "static.security.user_password":
            user, value = value.split(":", 1)
            passwords[user] = value
        else:
            assert key not in settings, f"{key} twice"
            settings[key] = value
    # The other default accounts must not keep their default passwords.
    assert passwords["user"] not in ("", "user") and passwords["var"] not in ("", "var"), passwords
    return settings["static.auto_provision.server.url"], passwords["admin"]


def _snom(body):
    root = xml.fromstring(body)
    assert root.tag == "settings"
    phone = root.find("phone-settings")
    return phone.findtext("setting_server"), phone.findtext("admin_mode_password")


def _grandstream(body):
    root = xml.fromstring(body)
    assert root.tag == "gs_provision"
    config = root.find("config")
    assert config.findtext("P212") == "2", "not https"
    return "https://" + config.findtext("P237"), config.findtext("P2")


def _poly_next(body):
    root = xml.fromstring(body)
    assert root.tag == "APPLICATION"
    return root.attrib["CONFIG_FILES"].split(",")[0].strip()


def _poly(body):
    settings = {}
    for element in xml.fromstring(body).iter():
        settings.update(element.attrib)
    assert settings["device.set"] == "1"
    for name in ("device.prov.serverName", "device.prov.serverType", "device.auth.localAdminPassword"):
        assert settings[name + ".set"] == "1", name
    assert settings["device.prov.serverType"].upper() == "HTTPS"
    return settings["device.prov.serverName"], settings["device.auth.localAdminPassword"]


def _cisco_mpp(body):
    root = xml.fromstring(body)
    assert root.tag in ("flat-profile", "device")
    profile = root if root.tag == "flat-profile" else root.find("flat-profile")
    return profile.findtext("Profile_Rule"), profile.findtext("Admin_Password")


def _json(body):
    document = json.loads(body)
    return document["provisioning_urls"][0], document["admin_password"]


VENDORS = [
    Vendor("yealink", "/{mac}.cfg", "Yealink SIP-T46G 28.72.0.1 {colons}", _yealink),
    Vendor("snom", "/snomD785-{MAC}.htm",
           "Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 1.15-S-IFX-05.2014 {MAC} SXM:0 UXM:0)", _snom),
    Vendor("grandstream", "/cfg{mac}.xml",
           "Grandstream Model HW GRP2614 SW 1.0.5.15 DevId {mac}", _grandstream),
    Vendor("poly", "/{mac}.cfg",
           "FileTransport PolycomVVX-VVX_400-UA/4.1.4.7430 Type/Application", _poly, then=_poly_next),
    Vendor("cisco-mpp", "/Cisco/CP-8841-3PCC/{mac}.cfg", "Cisco-CP-8841-3PCC/11.0.1 ({mac})", _cisco_mpp),
    Vendor("json", "/v1/bootstrap", "firmware/1.0", _json),
]


def url_host(url):
    return urllib.parse.urlsplit(url).hostname
