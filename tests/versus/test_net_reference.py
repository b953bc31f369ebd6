"""BioNetGen networks against reference trajectories: 2e-5 of each column's maximum, columns by position."""

from __future__ import annotations

from reference_runs import compare_network, networks

OTHER_START = {"michment", "test_time"}  # references known to be made from other values


def test_networks_agree_with_their_references(corpora):
    compared = [compare_network(*pair, rtol=1e-9) for pair in networks(corpora) if pair[0].stem not in OTHER_START]
    bad = [str(comparison) for comparison in compared if comparison.worst > 2e-5]
    assert len(compared) >= 10
    assert not bad, "\n".join(bad)
