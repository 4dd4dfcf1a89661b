"""What each vendor's phone asks for, and how its firmware would read the answer.

Request paths and User-Agents are those of real phones; answers are read with a parser of their
format, never by searching the text.
"""
import json
import re
import urllib.parse
import xml.etree.ElementTree as xml


class Vendor:
    """One answer format: `path` and `user_agent` take the phone's MAC; `read` gives (url, password).
    `first` is what the phone asks for before its own file, `then` leads from a master file to the next one."""

    def __init__(self, name, path, user_agent, read, first=(), then=None):
        self.name, self.path, self.user_agent, self.read = name, path, user_agent, read
        self.first, self.then = first, then

    def paths(self, mac):
        return self.path.format(mac=mac.lower(), MAC=mac)

    def agent(self, mac):
        pairs = [mac[i:i + 2].lower() for i in range(0, 12, 2)]
        return self.user_agent.format(mac=mac.lower(), MAC=mac, colons=":".join(pairs),
                                      dashes="-".join(pairs).upper())

    def boot(self, phone, tls=None):
        """Asks as the phone does and returns (answer, url, password)."""
        for path in self.first:
            answer = phone.boot(path, self.agent(phone.mac), tls)
            assert answer.status == 404, (path, answer)
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


def _cisco_spa(body):
    profile = xml.fromstring(body)
    assert profile.tag == "flat-profile"
    password = profile.findtext("Admin_Passwd")
    assert profile.findtext("Web_Login_Admin_Password") == password
    for other in ("User_Password", "Web_Login_Guest_Password"):
        assert profile.findtext(other) not in (None, "", password), other
    return profile.findtext("Profile_Rule"), password


def _fanvil(body):
    root = xml.fromstring(body)
    assert root.tag == "sysConf" and root.findtext("Version")
    assert root.findtext("ap/FlashProtocol") == "5", "not https"
    accounts = {each.attrib["index"]: each for each in root.findall("web/account")}
    assert accounts["2"].findtext("Password") not in (None, "", "guest")
    password = accounts["1"].findtext("Password")
    assert root.findtext("phone/MenuPassword") == password
    return f"https://{root.findtext('ap/FlashServerIP')}/{root.findtext('ap/FlashFileName')}", password


def _gigaset(body):
    root = xml.fromstring(body)
    assert root.tag == "provisioning" and root.attrib["version"] == "1.1"
    params = {each.attrib["name"]: each.attrib["value"] for each in root.findall("nvm/param")}
    return params["Provisioning.global.ProvisioningServer"], params["WebUIAccounts.1.Password"]


def _mitel(body):
    settings = {}
    for line in body.decode("ascii").splitlines():
        if line and not line.startswith("#"):
            key, value = line.split(":", 1)
            assert key not in settings, f"{key} twice"
            settings[key] = value[1:] if value.startswith(" ") else value
    assert settings["download protocol"] == "HTTPS"
    assert settings["user password"] not in ("", settings["admin password"])
    port = "" if settings["https port"] == "443" else ":" + settings["https port"]
    return f"https://{settings['https server']}{port}/{settings['https path']}", settings["admin password"]


def _panasonic(body):
    lines = body.decode("ascii").splitlines()
    assert lines[0] == "# Panasonic SIP Phone Standard Format File # DO NOT CHANGE THIS LINE!", lines[0]
    settings = {}
    for line in lines[1:]:
        if line and not line.startswith("#"):
            key, value = re.fullmatch(r'([A-Z0-9_]+)="([^"]*)"', line).groups()
            assert key not in settings, f"{key} twice"
            settings[key] = value
    assert settings["USER_PASS"] not in ("", settings["ADMIN_PASS"])
    return settings["CFG_STANDARD_FILE_PATH"], settings["ADMIN_PASS"]


def _htek(body):
    root = xml.fromstring(body)
    assert root.tag == "hl_provision"
    config = root.find("config")
    assert config.findtext("P212") == "2", "not https"
    assert config.find("P2").attrib["para"] == "AdminPassword"
    assert config.findtext("P196") not in (None, "", config.findtext("P2"))
    return "https://" + config.findtext("P237"), config.findtext("P2")


def _json(body):
    document = json.loads(body)
    return document["provisioning_urls"][0], document["admin_password"]


VENDORS = [
    Vendor("yealink", "/{mac}.cfg", "Yealink SIP-T46G 28.72.0.1 {colons}", _yealink,
           first=["/y000000000028.cfg"]),
    Vendor("snom", "/snomD785-{MAC}.htm",
           "Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 1.15-S-IFX-05.2014 {MAC} SXM:0 UXM:0)", _snom,
           first=["/snomD785.htm"]),
    Vendor("grandstream", "/cfg{mac}.xml",
           "Grandstream Model HW GRP2614 SW 1.0.5.15 DevId {mac}", _grandstream),
    Vendor("poly", "/{mac}.cfg",
           "FileTransport PolycomVVX-VVX_400-UA/4.1.4.7430 Type/Application", _poly, then=_poly_next),
    Vendor("cisco-spa", "/{mac}.xml", "Cisco/SPA504G-7.4.4 ({MAC})(CBT141100HR)", _cisco_spa,
           first=["/spa504G.cfg"]),
    Vendor("cisco-mpp", "/Cisco/CP-8841-3PCC/{mac}.cfg", "Cisco-CP-8841-3PCC/11.0.1 ({mac})", _cisco_mpp),
    Vendor("fanvil", "/{mac}.cfg", "Fanvil X5U-V2 2.12.16.17 {mac}", _fanvil, first=["/f0X5U-V2000000.cfg"]),
    Vendor("gigaset", "/42/2/{MAC}.xml", "Gigaset N870 IP PRO/83.V2.11.0+build.a546b91;{MAC}", _gigaset),
    Vendor("mitel", "/{MAC}.cfg", "Mitel6920 MAC:{dashes} V:6.4.0.140-SIP", _mitel,
           first=["/startup.cfg", "/aastra.cfg", "/6920.cfg"]),
    Vendor("panasonic", "/Config{MAC}.cfg", "Panasonic_KX-UT113/01.133 ({mac})", _panasonic,
           first=["/KX-UT113.cfg"]),
    Vendor("htek", "/cfg{mac}.xml", "Htek UC903 2.0.4.2 {colons}", _htek),
    Vendor("json", "/v1/bootstrap", "firmware/1.0", _json),
]


def url_host(url):
    return urllib.parse.urlsplit(url).hostname
