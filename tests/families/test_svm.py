from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from gradewise.command import UserError
from gradewise.families.folds import grouped_folds
from gradewise.families.pca_svm import svm
from gradewise.families.pca_svm.machine import Machine, read_machine, scale
from gradewise.families.pca_svm.settings import SvmSettings


def test_gamma_scale_is_that_of_scikit_learn(split):
    (train, validation), (target, _), variance = split
    settings = SvmSettings(components=5)
    scaled = scale(train, variance, settings)
    ours = svm.support_vector_classifier(scaled, settings).fit(scaled, target)
    theirs = SVC(gamma="scale", decision_function_shape="ovo").fit(scaled, target)
    assert ours.gamma == pytest.approx(theirs._gamma)
    unseen = scale(validation, variance, settings)
    np.testing.assert_allclose(ours.decision_function(unseen), theirs.decision_function(unseen), atol=1e-9)


def test_whitened_scores_have_unit_variance(split):
    (train, _), _, variance = split
    scaled = scale(train, variance, SvmSettings(components=4, whiten=True))
    centred = StandardScaler(with_mean=False).fit(scaled)
    np.testing.assert_allclose(centred.var_ * 90 / 89, 1, rtol=1e-5)


def calibrate(scaled, target, groups, settings, threads=1):
    return svm.calibrate(scaled, target, grouped_folds(target, groups, 0), settings, threads)


class TestCalibration:
    def test_probabilities_are_those_of_a_classifier_fitted_on_all_training_samples(self, split):
        (train, _), (target, _), variance = split
        settings = SvmSettings(components=5)
        scaled = scale(train, variance, settings)
        classifier, sigmoids = calibrate(scaled, target, np.arange(90) // 3, settings)
        alone = svm.support_vector_classifier(scaled, settings).fit(scaled, target)
        np.testing.assert_array_equal(classifier.support_, alone.support_)
        probabilities = svm.predict_proba(classifier, sigmoids, scaled)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        assert (probabilities.argmax(axis=1) == target).mean() > 0.7

    def test_probabilities_are_honest_on_new_samples(self, draw_scores):
        (train, target), (unseen, truth) = draw_scores(300, 3), draw_scores(3000, 4)
        settings = SvmSettings(components=8, C=100.0)
        variance = train.var(axis=0, ddof=1)
        scaled = scale(train, variance, settings)
        calibrated = calibrate(scaled, target, np.arange(300), settings)
        probabilities = svm.predict_proba(*calibrated, scale(unseen, variance, settings))
        right = probabilities.argmax(axis=1) == truth
        assert probabilities.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.06)

    def test_balanced_classes_stay_balanced_in_the_probabilities(self):
        rng = np.random.default_rng(5)
        target = (rng.random(600) < 0.15).astype(np.int64)
        scores = rng.normal(size=(600, 2)) + 0.8 * target[:, None]
        found = {}
        for weight in (None, "balanced"):
            settings = SvmSettings(components=2, class_weight=weight)
            classifier, sigmoids = calibrate(scores, target, np.arange(600), settings)
            alone = svm.support_vector_classifier(scores, settings).fit(scores, target)
            np.testing.assert_array_equal(classifier.support_, alone.support_)
            found[weight] = svm.predict_proba(classifier, sigmoids, scores)[:, 1]
        assert found[None].mean() == pytest.approx(target.mean(), abs=0.02)
        weighed = np.where(target == 1, 0.5 / target.mean(), 0.5 / (1 - target.mean()))
        assert np.average(found["balanced"], weights=weighed) == pytest.approx(0.5, abs=0.02)
        assert (found["balanced"] > 0.5)[target == 1].mean() > 0.6

    def test_the_number_of_threads_changes_nothing(self, split):
        (train, _), (target, _), variance = split
        settings = SvmSettings(components=5)
        scaled = scale(train, variance, settings)
        one, two = (calibrate(scaled, target, np.arange(90) // 2, settings, threads) for threads in (1, 2))
        np.testing.assert_array_equal(svm.predict_proba(*one, scaled), svm.predict_proba(*two, scaled))


class TestMachine:
    @pytest.mark.parametrize("classes", [2, 3, 5])
    @pytest.mark.parametrize("kernel", ["rbf", "linear"])
    def test_decisions_are_those_of_scikit_learn(self, draw_scores, classes, kernel, tmp_path):
        (train, target), (unseen, _) = draw_scores(300, 3), draw_scores(200, 4)
        train, unseen = train.astype(np.float64), unseen.astype(np.float64)
        target = target * classes // (target.max() + 1) if classes < 3 else np.arange(300) % classes
        settings = SvmSettings(components=8, kernel=kernel)
        classifier = svm.support_vector_classifier(train, settings).fit(train, target)
        machine = Machine.of(classifier, float(classifier.gamma) if kernel == "rbf" else None)
        machine.write(tmp_path / "svm.safetensors")
        read = read_machine(tmp_path / "svm.safetensors", 8, classes, machine.gamma)
        theirs = classifier.decision_function(unseen)
        theirs = -theirs[:, None] if classes == 2 else theirs
        np.testing.assert_allclose(read.decide(unseen), theirs, atol=1e-9)

    def test_blocks_of_rows_change_nothing(self, split, monkeypatch):
        (train, _), (target, _), variance = split
        scaled = scale(train, variance, SvmSettings(components=5))
        classifier = svm.support_vector_classifier(scaled, SvmSettings(components=5)).fit(scaled, target)
        machine = Machine.of(classifier, float(classifier.gamma))
        whole = machine.decide(scaled)
        monkeypatch.setattr("gradewise.families.pca_svm.machine.BLOCK_BYTES", 8 * len(machine.vectors) * 7)
        np.testing.assert_allclose(machine.decide(scaled), whole, atol=1e-12)
        assert machine.decide(scaled[:0]).shape == (0, whole.shape[1])


class TestFolds:
    def test_no_group_lies_on_two_sides_and_every_sample_is_left_out_once(self):
        target, groups = np.arange(60) % 3, np.arange(60) // 4
        folds = grouped_folds(target, groups, 0)
        assert len(folds) == 5
        for inside, left_out in folds:
            assert not set(groups[inside]) & set(groups[left_out])
        np.testing.assert_array_equal(np.sort(np.concatenate([left_out for _, left_out in folds])), np.arange(60))

    def test_there_are_no_more_folds_than_groups_of_the_rarest_class(self):
        target = np.array([0] * 20 + [1] * 6)
        groups = np.array([*range(20), 100, 100, 101, 101, 102, 102])
        folds = grouped_folds(target, groups, 0)
        assert len(folds) == 3
        assert all(set(target[inside]) == {0, 1} for inside, _ in folds)

    def test_a_class_of_one_group_is_refused(self):
        with pytest.raises(UserError, match="the class with the fewest groups has 1 of 11"):
            grouped_folds(np.array([0] * 10 + [1] * 5), np.array([*range(10), *[99] * 5]), 0)
