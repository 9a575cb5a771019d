# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where nothing samples, the benchmark of checksums has one table less, and says so."""

from pathlib import Path

import pytest

from inputs.layer import write_layer
from inputs.layout import Layout
from inputs.shape import BASE, entries
from measure.report import Report
from programs.question_checksums import add_profiles


def test_without_perf_a_table_is_left_out_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("measure.profile.shutil.which", lambda _program: None)
    layer = write_layer(tmp_path / "layer.tar.gz", entries(BASE.small(1000)))
    report = Report("question-checksums", {})
    add_profiles(Layout(tmp_path / "layout"), layer, tmp_path, report)
    assert report.sections == []
    assert "Where user time goes, sampled by file: left out" in capsys.readouterr().err
