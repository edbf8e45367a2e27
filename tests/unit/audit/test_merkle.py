"""The tree of RFC 6962, against its published vectors and against every small size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei.audit import merkle

#: Entries and roots of the reference implementation of certificate transparency.
ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
LEAVES = [merkle.leaf_hash(bytes([number])) for number in range(40)]


@pytest.mark.parametrize("size", ROOTS)
def test_roots_are_those_of_the_reference_implementation(size: int):
    leaves = [merkle.leaf_hash(entry) for entry in ENTRIES[:size]]

    assert merkle.root(leaves).hex() == ROOTS[size]


def test_the_published_inclusion_proof_is_made_and_accepted():
    leaves = [merkle.leaf_hash(entry) for entry in ENTRIES]

    proof = merkle.inclusion_proof(leaves, 5)

    assert [step.hex()[:16] for step in proof] == ["bc1a0643b12e4d2d", "ca854ea128ed050b", "d37ee418976dd957"]
    assert merkle.includes(proof, leaf=leaves[5], index=5, size=8, root=bytes.fromhex(ROOTS[8]))


def test_every_leaf_of_every_small_tree_has_a_proof_and_no_other_place():
    for size in range(1, 20):
        root = merkle.root(LEAVES[:size])
        for index in range(size):
            proof = merkle.inclusion_proof(LEAVES[:size], index)
            places = [
                place
                for place in range(size)
                if merkle.includes(proof, leaf=LEAVES[index], index=place, size=size, root=root)
            ]
            assert places == [index]


def test_every_small_tree_is_consistent_with_each_of_its_beginnings_and_with_no_other():
    for size in range(1, 20):
        root = merkle.root(LEAVES[:size])
        for old_size in range(1, size + 1):
            proof = merkle.consistency_proof(LEAVES[:size], old_size)
            old_root = merkle.root(LEAVES[:old_size])
            forged = merkle.root([*LEAVES[: old_size - 1], LEAVES[-1]])

            claim = {"old_size": old_size, "size": size, "root": root}
            assert merkle.is_consistent(proof, old_root=old_root, **claim)
            assert not merkle.is_consistent(proof, old_root=forged, **claim)


@given(st.integers(1, 40), st.data())
def test_a_changed_proof_proves_nothing(size: int, data: st.DataObject):
    index = data.draw(st.integers(0, size - 1))
    proof = list(merkle.inclusion_proof(LEAVES[:size], index))
    claim = {"leaf": LEAVES[index], "index": index, "size": size, "root": merkle.root(LEAVES[:size])}

    assert merkle.includes(proof, **claim)
    assert not merkle.includes([*proof, LEAVES[0]], **claim)
    if proof:
        assert not merkle.includes(proof[:-1], **claim)
        broken = data.draw(st.integers(0, len(proof) - 1))
        proof[broken] = merkle.leaf_hash(proof[broken])
        assert not merkle.includes(proof, **claim)


def test_a_tree_that_grows_leaf_by_leaf_has_the_root_of_the_definition_at_every_size():
    def defined(leaves: list[bytes]) -> bytes:
        if len(leaves) < 2:
            return leaves[0] if leaves else merkle.EMPTY
        half = 1 << (len(leaves) - 1).bit_length() - 1
        return merkle.node_hash(defined(leaves[:half]), defined(leaves[half:]))

    tree = merkle.Tree()
    for size in range(len(LEAVES)):
        assert tree.root() == defined(LEAVES[:size])
        tree.append(LEAVES[size])


def test_a_node_never_passes_for_a_leaf():
    left, right = LEAVES[:2]

    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)


@pytest.mark.parametrize("size", [0, 9])
def test_no_proof_is_made_for_what_the_tree_does_not_hold(size: int):
    with pytest.raises(IndexError):
        merkle.consistency_proof(LEAVES[:8], size)
    with pytest.raises(IndexError):
        merkle.inclusion_proof(LEAVES[:8], size + 8)
