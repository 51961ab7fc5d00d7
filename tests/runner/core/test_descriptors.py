"""Security descriptors against MS-DTYP, and their requests against MS-SMB2, written down by hand."""

import struct
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasync_runner.core.descriptors import NoDescriptor, canonical, same_meaning, to_be_set
from datasync_runner.core.entry import Entry, Kind, WindowsMetadata
from datasync_runner.storage import errors
from datasync_runner.storage.smb import security
from datasync_runner.storage.smb.responses import Answer
from fakes.descriptors import (
    AUDIT_INHERITED,
    AUDITED,
    DACL,
    DEFAULTED,
    EVERYTHING,
    GROUP,
    INHERITED,
    OBJECT,
    OTHER,
    OWNER,
    OWNER_DACL,
    PRESENT,
    PROTECTED,
    READERS,
    RELATIVE,
    SACL,
    USUAL,
    WRITERS,
    ace,
    acl,
    sid,
    told,
)


def padded(entry):
    """The same with four bytes behind whom it is about."""
    return entry[:2] + (len(entry) + 4).to_bytes(2, "little") + entry[4:] + bytes(4)


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
        (told(PRESENT, dacl=acl(padded(READERS), WRITERS)), True),
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
        told(0),
        told(PRESENT, sacl=SACL),
        told(PRESENT, dacl=acl(READERS[:8] + b"\2" + READERS[9:])),
        told(PRESENT, dacl=acl(READERS[:8] + b"\1\2" + READERS[10:])),
        told(PRESENT, dacl=acl(struct.pack("<BBHI", 0, 0, 8, 1))),
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


DENIED, LABEL = 1, 0x11
ID, OI, CI, NP, IO = 0x10, 0x1, 0x2, 0x4, 0x8
GENERIC_ALL, GENERIC_READ = 0x10000000, 0x80000000
DENYING, ALSO_DENYING = ace(kind=DENIED, who=(11,)), ace(kind=DENIED, who=(12,))


def listed(*aces, control=PRESENT):
    return told(control, dacl=acl(*aces))


def audited(*aces):
    return told(PRESENT | AUDITED, sacl=acl(*aces))


@pytest.mark.parametrize(
    ("asked", "found", "same"),
    [
        (USUAL, USUAL, True),
        (told(PRESENT, owner=b""), told(PRESENT, owner=GROUP), True),
        (told(PRESENT, group=b""), USUAL, True),
        (USUAL, told(PRESENT, owner=GROUP), False),
        (USUAL, told(PRESENT, owner=b""), False),
        (USUAL, told(PRESENT, group=OWNER), False),
        (USUAL, told(PRESENT, group=b""), False),
        (told(PRESENT | INHERITED), USUAL, True),
        (USUAL, told(PRESENT | INHERITED), True),
        (USUAL, told(PRESENT | PROTECTED), False),
        (told(PRESENT | PROTECTED), USUAL, False),
        (USUAL, listed(WRITERS, READERS), True),
        (listed(DENYING, ALSO_DENYING, READERS), listed(ALSO_DENYING, DENYING, READERS), True),
        (listed(DENYING, WRITERS), listed(WRITERS, DENYING), False),
        (listed(WRITERS, DENYING, READERS), listed(DENYING, WRITERS, READERS), False),
        (listed(ace(flags=ID | 3)), listed(ace(flags=3)), False),
        (listed(ace(flags=3)), listed(ace(flags=ID | 3)), False),
        (listed(ace(flags=OI)), listed(ace(flags=CI)), False),
        (listed(ace(flags=OI | IO)), listed(ace(flags=OI)), False),
        (listed(ace(mask=GENERIC_ALL)), listed(ace()), True),
        (listed(ace(mask=GENERIC_READ | 0x2)), listed(ace(mask=0x12008B)), True),
        (listed(ace(flags=OI | IO, mask=GENERIC_ALL)), listed(ace(flags=OI | IO)), True),
        (audited(ace(LABEL, mask=GENERIC_ALL)), audited(ace(LABEL)), False),
        (USUAL, listed(READERS), False),
        (USUAL, listed(READERS, WRITERS, ace(who=(12,))), False),
        (USUAL, listed(ace(mask=0x1200A8, who=(11,)), WRITERS), False),
        (USUAL, listed(), False),
        (USUAL, told(PRESENT, dacl=b""), False),
        (listed(), told(PRESENT, dacl=b""), False),
        (told(0, dacl=b""), told(PRESENT, dacl=b""), True),
        (audited(), told(PRESENT | AUDITED), True),
        (told(PRESENT | AUDITED), audited(), True),
        (audited(), USUAL, True),
        (USUAL, audited(), True),
        (told(PRESENT | AUDITED, sacl=SACL), audited(), False),
        (told(PRESENT | AUDITED, sacl=SACL), USUAL, False),
    ],
)
def test_a_server_may_write_the_same_down_in_other_words(asked, found, same):
    assert same_meaning(canonical(asked, EVERYTHING), canonical(found, EVERYTHING)) is same


def test_an_audit_list_that_is_lost_does_not_count_where_it_was_not_copied():
    forms = (canonical(one, OWNER_DACL) for one in (audited(ace(kind=2)), USUAL))
    assert same_meaning(*forms)


# What is called the same does the same: an access check and inheritance after MS-DTYP

PEOPLE = (11,), (12,)
RIGHTS = 0x1, 0x2
FIELDS = {
    "kind": st.sampled_from([0, DENIED]),
    "flags": st.sampled_from([0, ID, OI, CI, OI | IO, OI | CI, OI | NP, OI | ID]),
    "mask": st.sampled_from([0x1, 0x2, 0x3, GENERIC_READ, 0x120089]),
    "who": st.sampled_from(PEOPLE),
}
fields = st.fixed_dictionaries(FIELDS)
entries = fields.map(lambda one: ace(**one))


def may(aces, who, right):
    """MS-DTYP 2.5.3.2: the first entry about a right decides, and without one nobody may."""
    for kind, flags, mask, about in aces:
        resolved = mask | (0x120089 if mask & GENERIC_READ else 0)
        if not flags & IO and about in who and resolved & right:
            return kind == 0
    return False


def inherited(aces, below):
    """What a new file (OI) or folder (CI) gets from a folder: MS-DTYP 2.5.3.4.5."""
    for kind, flags, *rest in aces:
        further = 0 if flags & NP else flags & (OI | CI)
        if below == OI and flags & OI:
            yield kind, ID, *rest
        elif below == CI and flags & CI:
            yield kind, ID | further, *rest
        elif below == CI and further:
            yield kind, ID | IO | further, *rest


def effects(dacl):
    """All that a list can do: here and in what is made below, also with nothing from above."""
    found = [(one[0], one[1], int.from_bytes(one[4:8], "little"), one[8:]) for one in dacl]
    lists = []
    for aces in (found, [one for one in found if not one[1] & ID]):
        folders = list(inherited(aces, CI))
        lists += [aces, list(inherited(aces, OI)), folders, list(inherited(folders, OI))]
    tokens = [{sid(*one) for one in people} for people in (PEOPLE, PEOPLE[:1], PEOPLE[1:])]
    return [may(*one) for one in product(lists, tokens, RIGHTS)]


@st.composite
def alike(draw):
    """A list, and one that is like it: in another order, with one field of one entry bent, shorter."""
    first = draw(st.lists(fields, min_size=1, max_size=4))
    other = draw(st.permutations(first) | st.just(first) | st.just(first[1:]))
    if other and draw(st.booleans()):
        at, name = draw(st.integers(0, len(other) - 1)), draw(st.sampled_from(sorted(FIELDS)))
        bent = other[at] | {name: draw(FIELDS[name])}
        other = [*other[:at], bent, *other[at + 1 :]]
    return [ace(**one) for one in first], [ace(**one) for one in other]


@given(alike())
@settings(max_examples=1000)
def test_what_is_called_the_same_does_the_same(both):
    if same_meaning(*(canonical(listed(*one), OWNER_DACL) for one in both)):
        assert effects(both[0]) == effects(both[1])


@given(
    denying=st.lists(entries.filter(lambda one: one[0] == DENIED), max_size=3),
    allowing=st.lists(entries.filter(lambda one: one[0] == 0), max_size=3),
    data=st.data(),
)
def test_entries_that_all_allow_or_all_deny_have_no_order(denying, allowing, data):
    mixed = data.draw(st.permutations(denying)) + data.draw(st.permutations(allowing))
    slack = bytes(4 * data.draw(st.integers(0, 3)))
    other = told(PRESENT | INHERITED, dacl=acl(*mixed, slack=slack), order="dsgo", gap=slack)
    asked = listed(*denying, *allowing)
    assert same_meaning(canonical(asked, OWNER_DACL), canonical(other, OWNER_DACL))


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


@given(body=st.binary(max_size=120), offset=st.integers(0, 2**16 - 1), length=st.integers(0, 200))
def test_whatever_a_server_answers_is_a_descriptor_or_the_files_error(body, offset, length):
    for answer in (body, struct.pack("<HHI", 9, offset, length) + body):
        try:
            security.told([Answer(0, answer)], security.PARTS["OwnerDACL"], b"k")
        except errors.FileError as error:
            assert error.key == b"k"


@pytest.mark.parametrize("offset", [0, 64, 71, 73 + len(USUAL)])
def test_an_answer_that_points_elsewhere_tells_no_descriptor(offset):
    body = struct.pack("<HHI", 9, offset, len(USUAL)) + USUAL
    with pytest.raises(errors.Unexpected, match="outside of the answer"):
        security.told([Answer(0, body)], security.PARTS["OwnerDACL"], b"k")
