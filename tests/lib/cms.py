"""Opening what a phone of a model with encrypted answers gets."""
import os
import tempfile

from tests.lib.instance import run


def decrypt(body, cert, key, check=True):
    """The plain text of a CMS EnvelopedData (DER), by openssl and the phone's own key. A wrong RSA key gives
    random bytes: openssl does not tell that it is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        sealed = os.path.join(folder, "answer.p7m")
        with open(sealed, "wb") as file:
            file.write(body)
        return run("openssl", "cms", "-decrypt", "-inform", "DER", "-in", sealed, "-recip", cert, "-inkey", key,
                   check=check).stdout
