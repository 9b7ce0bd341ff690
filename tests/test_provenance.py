"""Provenance: code versions follow imports; seeds are derived apart."""

from gradewise import provenance


def test_the_version_of_a_step_covers_the_modules_it_imports_and_no_others():
    closure = provenance._closure(("gradewise.images.split",))
    assert {"gradewise.images.split", "gradewise.tables", "gradewise.config"} <= closure
    assert not any(name.startswith(("gradewise.families", "gradewise.report")) for name in closure)


def test_the_version_changes_with_the_source_of_an_imported_module(tmp_path, monkeypatch):
    package = tmp_path / "gradewise"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "step.py").write_text("from gradewise import part\n")
    (package / "part.py").write_text("x = 1\n")
    (package / "other.py").write_text("x = 1\n")
    monkeypatch.setattr(provenance, "PACKAGE", package)
    provenance.first_party_imports.cache_clear()
    before = provenance.code_version("gradewise.step")
    (package / "other.py").write_text("x = 2\n")
    assert provenance.code_version("gradewise.step") == before
    (package / "part.py").write_text("x = 2\n")
    assert provenance.code_version("gradewise.step") != before
    provenance.first_party_imports.cache_clear()


def test_seeds_differ_by_purpose_and_repeat_by_name():
    assert provenance.derive_seed(1, "split", 0) == provenance.derive_seed(1, "split", 0)
    drawn = {provenance.derive_seed(seed, name, k) for seed in (1, 2) for name in ("a", "b") for k in range(5)}
    assert len(drawn) == 20
    assert all(0 <= seed < 2**31 for seed in drawn)
