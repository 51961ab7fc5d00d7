"""Security descriptors against MS-DTYP, and their requests against MS-SMB2, written down by hand."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.core.entry import Entry, Kind, WindowsMetadata
from datasync_runner.storage import errors
from datasync_runner.storage.smb import security
from datasync_runner.storage.smb.descriptors import NoDescriptor, canonical, same_meaning, to_be_set
from datasync_runner.storage.smb.responses import Answer

PRESENT, PROTECTED, INHERITED = 0x4, 0x1000, 0x400
AUDITED, AUDIT_INHERITED = 0x10, 0x800
RELATIVE, DEFAULTED = 0x8000, 0x1
OWNER_DACL, EVERYTHING = 7, 15
OBJECT = 5


def sid(*numbers):
    return struct.pack("<BB6s", 1, len(numbers), b"\0\0\0\0\0\5") + struct.pack(
        f"<{len(numbers)}I", *numbers
    )


def ace(kind=0, flags=0, mask=0x1F01FF, who=(32, 544)):
    body = struct.pack("<I", mask) + sid(*who)
    return struct.pack("<BBH", kind, flags, 4 + len(body)) + body


def acl(*aces, revision=2, slack=b""):
    body = b"".join(aces)
    size = 8 + len(body) + len(slack)
    return struct.pack("<BBHHH", revision, 0, size, len(aces), 0) + body + slack


OWNER, GROUP = sid(21, 1, 2, 3, 1001), sid(21, 1, 2, 3, 513)
READERS, WRITERS = ace(mask=0x1200A9, who=(11,)), ace(who=(18,))
DACL, SACL = acl(READERS, WRITERS), acl(ace(kind=2, flags=0xC0))


def told(control, *, owner=OWNER, group=GROUP, sacl=b"", dacl=DACL, order="ogsd", gap=b""):
    """A self-relative descriptor with its parts in any order."""
    parts = dict(zip("ogsd", (owner, group, sacl, dacl), strict=True))
    body, at = b"", dict.fromkeys("ogsd", 0)
    for name in order:
        if parts[name]:
            body += gap
            at[name] = 20 + len(body)
            body += parts[name]
    return struct.pack("<BBH4I", 1, 0, control | RELATIVE, *(at[n] for n in "ogsd")) + body


USUAL = told(PRESENT)


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        (told(PRESENT, order="dsgo"), True),
        (told(PRESENT, gap=bytes(8)), True),
        (told(PRESENT | DEFAULTED), True),
        (told(PRESENT | AUDITED | AUDIT_INHERITED, sacl=SACL), True),
        (told(PRESENT, dacl=acl(READERS, WRITERS, slack=bytes(12))), True),
        (told(PRESENT, dacl=acl(READERS, WRITERS, revision=4)), True),
        (told(PRESENT, dacl=acl(READERS, WRITERS, READERS)), True),
        (told(PRESENT, dacl=acl(WRITERS, READERS)), False),
        (told(PRESENT, dacl=acl(READERS)), False),
        (told(PRESENT, dacl=acl()), False),
        (told(PRESENT, dacl=b""), False),
        (told(0, dacl=b""), False),
        (told(PRESENT | PROTECTED), False),
        (told(PRESENT | INHERITED), False),
        (told(PRESENT, owner=GROUP), False),
        (told(PRESENT, group=OWNER), False),
        (told(PRESENT, owner=b""), False),
    ],
)
def test_equal_descriptors_have_one_form(other, alike):
    assert (canonical(other, OWNER_DACL) == canonical(USUAL, OWNER_DACL)) is alike


def test_the_audit_list_counts_where_it_is_copied():
    audited = told(PRESENT | AUDITED, sacl=SACL)
    assert canonical(audited, EVERYTHING) != canonical(USUAL, EVERYTHING)
    assert SACL in canonical(audited, EVERYTHING)
    assert SACL not in canonical(audited, OWNER_DACL)


def test_the_form_is_a_descriptor_itself():
    full = told(PRESENT | AUDITED | PROTECTED, sacl=SACL, order="dosg", gap=bytes(4))
    form = canonical(full, EVERYTHING)
    assert canonical(form, EVERYTHING) == form
    revision, zero, control, *offsets = struct.unpack_from("<BBH4I", form)
    assert (revision, zero, control) == (1, 0, RELATIVE | PRESENT | AUDITED | PROTECTED)
    for at, part in zip(offsets, (OWNER, GROUP, SACL, DACL), strict=True):
        assert form[at : at + len(part)] == part


def test_entries_about_parts_of_objects_have_their_revision():
    form = canonical(told(PRESENT, dacl=acl(ace(kind=OBJECT), revision=2)), OWNER_DACL)
    assert form[-len(ace()) - 8] == 4


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        USUAL[:19],
        b"\2" + USUAL[1:],
        USUAL[:3] + b"\0" + USUAL[4:],
        USUAL[:-1],
        told(PRESENT, owner=b"\2" + OWNER[1:]),
        told(PRESENT, owner=b"\1\x10" + OWNER[2:]),
        told(PRESENT, dacl=struct.pack("<BBHHH", 2, 0, 8, 1, 0)),
        told(PRESENT, dacl=struct.pack("<BBHHH", 2, 0, 12, 1, 0) + struct.pack("<BBH", 0, 0, 0)),
        told(PRESENT, dacl=struct.pack("<BBHHH", 2, 0, 12, 1, 0) + struct.pack("<BBH", 0, 0, 99)),
    ],
)
def test_what_is_none_is_refused(junk):
    with pytest.raises(NoDescriptor):
        canonical(junk, EVERYTHING)


@given(st.binary(max_size=200), st.sampled_from([OWNER_DACL, EVERYTHING]))
def test_any_bytes_are_a_descriptor_or_refused(junk, information):
    try:
        form = canonical(b"\1\0\4\x80" + junk, information)
    except NoDescriptor:
        return
    assert canonical(form, information) == form


@given(st.data())
def test_a_cut_or_bent_descriptor_never_does_more(data):
    whole = bytearray(told(PRESENT | AUDITED, sacl=SACL))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        canonical(bytes(whole[: data.draw(st.integers(0, len(whole)))]), EVERYTHING)
    except NoDescriptor:
        return


def test_that_a_list_was_inherited_is_asked_to_be_kept():
    """MS-DTYP 2.4.6: DT and SR say to keep DI and SI."""
    form = canonical(told(PRESENT | INHERITED), OWNER_DACL)
    body, information = to_be_set(form, OWNER_DACL)
    assert struct.unpack_from("<H", body, 2)[0] == RELATIVE | PRESENT | INHERITED | 0x100
    assert (body[4:], information) == (form[4:], OWNER_DACL)
    plain, _ = to_be_set(canonical(USUAL, OWNER_DACL), OWNER_DACL)
    assert struct.unpack_from("<H", plain, 2)[0] == RELATIVE | PRESENT


def test_an_owner_that_nobody_told_is_not_set():
    form = canonical(told(PRESENT, owner=b"", group=b""), OWNER_DACL)
    assert to_be_set(form, OWNER_DACL)[1] == 4


DENIED = 1
DENYING = ace(kind=DENIED, who=(11,))
GENERIC_ALL, GENERIC_READ = 0x10000000, 0x80000000


@pytest.mark.parametrize(
    ("asked", "found", "same"),
    [
        (USUAL, USUAL, True),
        (told(PRESENT | INHERITED), USUAL, True),
        (USUAL, told(PRESENT | INHERITED), True),
        (told(PRESENT, dacl=acl(ace(flags=0x13))), told(PRESENT, dacl=acl(ace(flags=0x03))), True),
        (USUAL, told(PRESENT, dacl=acl(WRITERS, READERS)), True),
        (
            told(PRESENT, dacl=acl(DENYING, READERS, WRITERS)),
            told(PRESENT, dacl=acl(DENYING, WRITERS, READERS)),
            True,
        ),
        (told(PRESENT, dacl=acl(ace(mask=GENERIC_ALL))), told(PRESENT, dacl=acl(ace())), True),
        (
            told(PRESENT, dacl=acl(ace(mask=GENERIC_READ | 0x2))),
            told(PRESENT, dacl=acl(ace(mask=0x12008B))),
            True,
        ),
        (told(PRESENT, owner=b""), told(PRESENT, owner=GROUP), True),
        (told(PRESENT, group=b""), USUAL, True),
        (told(0, dacl=b""), told(PRESENT, dacl=b""), True),
        (USUAL, told(PRESENT, owner=GROUP), False),
        (USUAL, told(PRESENT, owner=b""), False),
        (USUAL, told(PRESENT, group=OWNER), False),
        (USUAL, told(PRESENT | PROTECTED), False),
        (told(PRESENT | PROTECTED), USUAL, False),
        (USUAL, told(PRESENT, dacl=acl(READERS)), False),
        (USUAL, told(PRESENT, dacl=acl(READERS, WRITERS, ace(who=(12,)))), False),
        (USUAL, told(PRESENT, dacl=acl()), False),
        (USUAL, told(PRESENT, dacl=b""), False),
        (told(PRESENT, dacl=acl()), told(PRESENT, dacl=b""), False),
        (USUAL, told(PRESENT, dacl=acl(ace(mask=0x1200A8, who=(11,)), WRITERS)), False),
        (told(PRESENT, dacl=acl(ace(flags=0x13))), told(PRESENT, dacl=acl(ace(flags=0x0))), False),
        (
            told(PRESENT, dacl=acl(DENYING, WRITERS)),
            told(PRESENT, dacl=acl(WRITERS, DENYING)),
            False,
        ),
        (
            told(PRESENT, dacl=acl(WRITERS, DENYING, READERS)),
            told(PRESENT, dacl=acl(DENYING, WRITERS, READERS)),
            False,
        ),
    ],
)
def test_a_server_may_write_the_same_down_in_other_words(asked, found, same):
    wanted = canonical(asked, OWNER_DACL)
    information = to_be_set(wanted, OWNER_DACL)[1]
    assert same_meaning(wanted, canonical(found, OWNER_DACL), information) is same


def test_an_audit_list_without_entries_is_as_none():
    empty, none = told(PRESENT | AUDITED, sacl=acl()), told(PRESENT | AUDITED)
    for asked, found in [(empty, none), (none, empty), (empty, USUAL), (USUAL, empty)]:
        forms = canonical(asked, EVERYTHING), canonical(found, EVERYTHING)
        assert same_meaning(*forms, EVERYTHING)
    audited = canonical(told(PRESENT | AUDITED, sacl=SACL), EVERYTHING)
    assert not same_meaning(audited, canonical(empty, EVERYTHING), EVERYTHING)


@pytest.mark.parametrize(("information", "same"), [(OWNER_DACL, True), (EVERYTHING, False)])
def test_an_audit_list_that_is_lost_counts_where_it_was_copied(information, same):
    asked = canonical(told(PRESENT | AUDITED, sacl=SACL), information)
    assert same_meaning(asked, canonical(USUAL, information), information) is same


# Requests and answers

FILE = bytes(range(16))


def entry(descriptor):
    return Entry(b"k", Kind.FILE, node=WindowsMetadata(0, 9, descriptor))


def test_nothing_is_asked_or_set_where_nothing_is_copied():
    assert security.queries(security.NOTHING) == []
    assert security.settings(entry(canonical(USUAL, OWNER_DACL)), security.NOTHING) == []
    assert security.settings(entry(None), security.PARTS["OwnerDACL"]) == []
    assert security.told([], security.NOTHING, b"k") is None


@pytest.mark.parametrize(
    ("flags", "information", "to_read", "to_write"),
    [
        ("OwnerDACL", 7, 0x20000, 0xE0000),
        ("OwnerDACLSACL", 15, 0x1020000, 0x10E0000),
    ],
)
def test_parts_and_rights(flags, information, to_read, to_write):
    parts = security.PARTS[flags]
    assert parts == (information, to_read, to_write, 0x4000, False)
    (query,) = security.queries(parts, FILE)
    assert (query.command, query.payload_bytes, len(query.body)) == (16, 65536, 40)
    assert struct.unpack("<HBBIHHIII", query.body[:24]) == (
        41,
        3,
        0,
        65536,
        0,
        0,
        0,
        information,
        0,
    )
    assert query.body[24:] == FILE
    form = canonical(told(PRESENT | AUDITED, sacl=SACL), information)
    (setting,) = security.settings(entry(form), parts, FILE)
    head = struct.unpack("<HBBIHHI", setting.body[:16])
    assert (setting.command, head) == (17, (33, 3, 0, len(form), 96, 0, information))
    assert setting.body[16:] == FILE + form


def test_what_is_proven_is_asked_for_behind_its_setting():
    parts = security.PARTS["OwnerDACL"]._replace(proven=True)
    form = canonical(USUAL, OWNER_DACL)
    (setting,) = security.settings(entry(form), security.PARTS["OwnerDACL"], FILE)
    assert security.settings(entry(form), parts, FILE) == [setting, *security.queries(parts, FILE)]
    assert security.settings(entry(None), parts, FILE) == []


def telling(descriptor):
    return Answer(0, struct.pack("<HHI", 9, 72, len(descriptor)) + descriptor)


OTHER = told(PRESENT, owner=GROUP)


@pytest.mark.parametrize(
    ("answers", "family"),
    [
        ([Answer(0, b""), telling(USUAL)], None),
        ([Answer(0, b""), telling(OTHER)], errors.VerificationFailed),
        ([Answer(0, b""), Answer(0xC0000022, b"")], errors.Denied),
        ([Answer(0xC0000022, b""), telling(USUAL)], errors.Denied),
    ],
)
def test_the_answers_to_a_setting_are_judged(answers, family):
    parts = security.PARTS["OwnerDACL"]._replace(proven=True)
    known = entry(canonical(USUAL, OWNER_DACL))
    if family is None:
        security.check_set(answers, known, parts)
        return
    with pytest.raises(family) as caught:
        security.check_set(answers, known, parts)
    assert caught.value.key == b"k"


def test_an_answer_is_taken_out_of_its_message():
    body = struct.pack("<HHI", 9, 72, len(USUAL)) + USUAL + b"padding"
    found = security.told([Answer(0, body)], security.PARTS["OwnerDACL"], b"k")
    assert found == canonical(USUAL, OWNER_DACL)


@pytest.mark.parametrize(
    ("answer", "family"),
    [
        (Answer(0xC0000022, b""), errors.Denied),
        (Answer(0xC00000BB, b""), errors.NotSupported),
        (Answer(0, struct.pack("<HHI", 9, 72, 4) + b"junk"), errors.Unexpected),
    ],
)
def test_an_answer_that_tells_none_is_the_files_error(answer, family):
    with pytest.raises(family) as caught:
        security.told([answer], security.PARTS["OwnerDACL"], b"k")
    assert caught.value.key == b"k"
