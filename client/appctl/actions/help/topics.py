# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What `appctl help TOPIC` says: the texts that hints point to, each true of this version.

No text offers to trust a key that nobody vouched for, to weaken verification or to allow a downgrade; `trust`
and `unsigned` say what there is instead.
"""

from typing import NamedTuple


class Topic(NamedTuple):
    """`summary` is its line in the list of topics."""

    summary: str
    text: str


TOPICS = {
    "trust": Topic(
        "whom this machine trusts, and how to add a publisher",
        """\
appctl installs what a publisher signed whom this machine trusts; a remote is such a publisher.
Many publishers give away a file, or its https address, which says where they are and which keys they sign
with. What is in it is shown, and a person is asked; an .appctlref names an app besides, for install:
    appctl remote add FILE-OR-URL.appctlremote
Else ask the publisher for the prefix of its images, its public key, and where its signatures are, then:
    appctl remote add NAME PREFIX --gpg-import KEYFILE --lookaside URL
or, for images that are signed with cosign, whose signatures are in the registry itself:
    appctl remote add NAME PREFIX --cosign-key cosign.pub
For an OSTree repository, whose signatures are in it:
    appctl remote add NAME ostree+https://HOST/PATH --gpg-import KEYFILE    (or --ed25519-key FILE)
Compare the fingerprint that is printed with what the publisher says elsewhere (its web site, a person).
Nothing is trusted because it was seen before, and no question during an install adds a key.
A signature must name what you ask for. cosign names a tag only where the publisher tells it to:
    cosign sign --key KEY --new-bundle-format=false --sign-container-identity HOST/REPOSITORY:TAG …
Else it names the repository, which counts where the remote says --identity repository, and is shown as "tag
not bound". What cosign 3 writes by itself names nothing but a digest, and does not count. Nor does what is
signed without a key (keyless): appctl does not check whom a certificate names.""",
    ),
    "offline": Topic(
        "what works without a network, and images that come on a disk",
        """\
These need no network: run, list, info, history, verify, uninstall, prune, and rollback to a version that is
kept here. install and update ask a registry; what came before an interruption is not fetched again.
Without a network images come on a disk, with the signatures that their publisher made for the registry:
    skopeo copy docker://quay.io/acme/editor:1 oci:/srv/images:quay.io/acme/editor:1
    the files of its lookaside below /srv/images/lookaside/ (acme/editor@sha256=…/signature-1)
    appctl remote add acme oci:/srv/images --prefix quay.io/acme --gpg-import KEYFILE
    appctl install acme/editor:1
or, where the remote is the registry itself, for this one install:
    appctl install --from oci:/media/disk/images acme/editor:1    (or oci-archive:FILE)
It is verified as if it came from there, and updated from there later.
A remote's directory must belong to root or to the daemon's user (appctl; with --user: you), and nobody else
may be able to write to it, to its index.json, or to a directory above it.""",
    ),
    "unsigned": Topic(
        "what to do about an image that nobody signed",
        """\
No signature was found where the remote says they are. Ways to go on, best first:
    ask the publisher to sign, or where its signatures are (appctl remote modify NAME --lookaside URL)
    install one digest that you know: a remote with --verify digest, then HOST/REPOSITORY@sha256:…
    copy the image into a registry of your own and sign it there (skopeo copy --sign-by KEY, or cosign sign)
appctl does not install what nobody signed because it was asked twice.""",
    ),
    "key-change": Topic(
        "what to do when a publisher signs with another key",
        """\
The image is signed, by a key that the remote does not list. Either the publisher has a new key, or
somebody else made this image. Only the publisher can say which: ask by a way that does not lead over the same
server.
If the publisher gives a keyring update, which the keys that you trust have signed:
    appctl remote modify NAME --keyring-update FILE
If it is the publisher's:  appctl remote modify NAME --gpg-import NEWKEYFILE    (or --cosign-key)
The new keys replace the old ones, which are trusted no more; to keep one, give its file too
(--gpg-import OLDKEYFILE). The fingerprints that are no longer trusted are printed.
Until then what is installed keeps running, and nothing was changed.""",
    ),
    "certificates": Topic(
        "what to do about a server that cannot prove who it is",
        """\
The certificate of the server that answered is of no authority that this machine believes, or has another
name, or has expired. Either it is not the server that was meant, or somebody's clock or set-up is wrong.
    appctl doctor      is this machine's clock right, has it the authorities, what is each remote reached by
A registry on the Internet: try again from another network, and tell who runs it.
A registry of your own organization may have an authority of its own. Who runs it gives you that certificate,
by a way that does not lead over the same server; it is believed for this one remote, beside the machine's:
    appctl remote modify NAME --ca-file FILE
or, as podman and skopeo read it too, it is put into /etc/containers/certs.d/HOST[:PORT]/NAME.crt.
Either says which server is asked, not whose images are good: a publisher's key does that. Where a remote has
none (--verify digest, none), the server is all there is. What is installed keeps running.""",
    ),
    "verify": Topic(
        "checking what is installed, and mending it",
        """\
appctl verify hashes every stored file again, compares deployments, records and layers with each other, and
judges the signatures that were kept with the keys that each remote has now. It needs no network.
    damaged            appctl repair fetches what is wrong again, at the digest that was installed
    no longer trusted  the app was good when it was installed, and its key was revoked, removed or denied
                       since then; it still runs. Ask the publisher, update it, or uninstall it
appctl-verify.timer does it once a week. Who may write to the state directory can forge records as well as
files: for an app of your own scope that is you, and every program that you run outside a sandbox.""",
    ),
    "references": Topic(
        "how images and apps are named",
        """\
A reference says which image: HOST[:PORT]/REPOSITORY[:TAG] or …@sha256:DIGEST, e.g. quay.io/acme/editor:1
    REMOTE/REST is short for what a remote covers: acme/editor:1 (appctl remote list)
    no tag means latest; there is no default registry
    one with a digest is that image for ever, and is never updated
    REMOTE:REF is a ref of the OSTree repository that REMOTE is: acme:app/editor
Where an installed app is asked for, its ID (org.acme.Editor) or the ID's last part (editor) does as well.""",
    ),
    "credentials": Topic(
        "registries that want a login",
        """\
The registry wants a login. appctl reads, as you and for that one host, in this order:
    $XDG_RUNTIME_DIR/containers/auth.json   ~/.config/containers/auth.json   ~/.docker/config.json
and the credential helpers that these name. appctl login HOST, podman login HOST and docker login HOST write
them; appctl logout HOST forgets what is kept there for a host. At a terminal, who is not logged in is asked
for a user and a password, which are kept for that one command only. Root's jobs and the timers use
/etc/appctl/auth.json besides: sudo appctl login --system HOST.""",
    ),
    "permissions": Topic(
        "what an app may use, and who grants it",
        """\
An app has a home and a /var of its own (~/.var/app/ID) and sees nothing else of this machine: no network, no
file of yours, no display. What it asks for beyond that stands in its signed image; appctl install shows it
before anything is downloaded. "leaves the sandbox" marks what opens more than a door:
    network                       also what listens on this machine
    screen and keyboard (X11)     those of all your programs; likewise sound and microphone
    ~/Documents (read, write)     your files there; all your files (home)
    talk to NAME                  what that service does for all your programs
Whoever installs grants what was shown. An update that asks for more waits until somebody grants that; the
version that is installed runs meanwhile:
    appctl update ID                          asks at a terminal; -y does not answer it
    appctl update ID --accept-permissions     grants it
What was granted, and by whom; take something away, or give more. A deny always wins, and no update resets it:
    appctl permissions ID
    appctl permissions ID --deny network      an app of the machine: for you alone; --system: for all users
    appctl permissions ID --allow ~/Music:ro
    appctl permissions ID --reset
For one run only, you can add what is yours to give:
    appctl run --filesystem=~/Documents:ro --share=network --env=NAME=VALUE ID""",
    ),
}
