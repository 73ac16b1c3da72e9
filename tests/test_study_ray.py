"""The same study, one cell at a time and on a local Ray cluster."""

import pytest

from fpt_plugins.study.local_workers import LocalWorkers


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")  # Ray's own deprecations and sockets
def test_ray_gives_the_table_of_local(small_study, run_small, monkeypatch):
    """Chosen rates, scores, rows and the trained tensors of every cell are equal, bit for bit."""
    pytest.importorskip("ray")
    from fpt_plugins.study.ray_workers import RayWorkers

    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "0")  # it counts what other programs use
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    study = small_study()
    local = run_small(study, LocalWorkers(600))
    ray = run_small(study, RayWorkers(2, 1, 600, None))
    assert ray.complete
    assert [cell.identity for cell in ray.cells] == [cell.identity for cell in local.cells]
    assert ray.choices == local.choices
    for one, other in zip(ray.cells, local.cells, strict=True):
        adapter = "adapter/adapter.safetensors"
        assert (one.folder / adapter).read_bytes() == (other.folder / adapter).read_bytes()
        assert one.record.evaluations == other.record.evaluations
