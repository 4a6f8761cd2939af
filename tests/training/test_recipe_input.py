"""Augmentation: laws of loudness, noise, mixup, gain, masks and class balance; parts of a batch do not know others."""

import numpy as np
import pytest
from scipy import stats

from training.input import EvaluationInput, Part, TrainingInput
from training.recipe.augment import Augment, Examples
from training.recipe.balance import balanced_order, clip_weights
from training.recipe.config import AugmentConfig, LoudnessConfig
from training.recipe.loudness import normalise
from training.recipe.noise import evaluation_noise, with_noise
from training.recipe.spec_augment import feature_masks

BATCH, SAMPLES, CLASSES = 8, 4000, 5
ROWS = np.arange(2 * BATCH)
EVERYTHING = AugmentConfig(
    snr_db=(0.0, 20.0), mixup_alpha=0.5, gain_db=(-6.0, 6.0), time_masks=2, time_mask_ms=50.0, frequency_masks=2
)


def read(rows):
    """Noise of another loudness and one class for every position, which fill their windows."""
    waveform, targets = windows(rows)
    return Examples(waveform=waveform, targets=targets, present=np.full(len(rows), SAMPLES))


def windows(rows):
    """The waveform and the targets of these positions."""
    random = [np.random.default_rng(int(row)) for row in rows]
    loudness = [10.0 ** generator.uniform(-3, 0) for generator in random]
    waveform = [level * generator.standard_normal(SAMPLES) for level, generator in zip(loudness, random, strict=True)]
    return np.array(waveform, np.float32), np.eye(CLASSES, dtype=np.float32)[rows % CLASSES]


def examples(config, *, rows=ROWS, epoch=0, seed=0, task=0):
    """What a training of that recipe sees."""
    return Augment(config=config, seed=seed, task=task).examples(read, rows, epoch=epoch, batch_size=BATCH)


def rms_db(waveform):
    """Of each window."""
    return 10 * np.log10(np.mean(np.square(waveform, dtype=np.float64), axis=1))


def test_without_augmentation_examples_are_as_read():
    """Bit for bit, which is the plain recipe."""
    rows = np.arange(BATCH)
    for expected, found in zip(windows(rows), examples(AugmentConfig(), rows=rows), strict=True):
        np.testing.assert_array_equal(expected, found)


@pytest.mark.parametrize("workers", [2, 4, 8])
def test_parts_side_by_side_are_the_batch(workers):
    """With everything on; also the masks."""
    loudness = LoudnessConfig(rule="reference")
    augment = Augment(config=EVERYTHING, loudness=loudness, seed=3, window_ms=250.0, features=(25, 40))
    rows = np.arange(BATCH, 2 * BATCH)
    parts = np.split(rows, workers)
    whole = augment.examples(read, rows, epoch=1, batch_size=BATCH)
    pieces = [augment.examples(read, part, epoch=1, batch_size=BATCH) for part in parts]
    for expected, found in zip(whole, zip(*pieces, strict=True), strict=True):
        np.testing.assert_array_equal(expected, np.concatenate(found))
    masks = [augment.masks(part, epoch=1) for part in parts]
    np.testing.assert_array_equal(augment.masks(rows, epoch=1), np.concatenate(masks))


@pytest.mark.parametrize(
    "config", [AugmentConfig(snr_db=(0.0, 20.0)), AugmentConfig(mixup_alpha=1.0), AugmentConfig(gain_db=(-6.0, 6.0))]
)
@pytest.mark.parametrize("other", [{"seed": 1}, {"epoch": 1}, {"task": 1}])
def test_seed_epoch_and_task_change_what_is_drawn(config, other):
    """And nothing else does: the same arguments give the same bits."""
    first, again, changed = examples(config), examples(config), examples(config, **other)
    np.testing.assert_array_equal(first[0], again[0])
    assert (first[0] != changed[0]).any(axis=1).all()


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 10.0, 30.0])
def test_noise_has_the_ratio_that_was_asked_for(snr_db):
    """Measured on what was added; it is white and Gaussian."""
    waveform, _ = windows(np.arange(BATCH))
    noisy, _ = examples(AugmentConfig(snr_db=(snr_db, snr_db)), rows=np.arange(BATCH))
    noise = noisy.astype(np.float64) - waveform
    np.testing.assert_allclose(rms_db(waveform) - rms_db(noise), snr_db, atol=1e-3)
    standard = (noise / noise.std(axis=1, keepdims=True)).ravel()
    assert stats.kstest(standard[::4], "norm").pvalue > 1e-3
    correlation = [np.corrcoef(n[:-1], n[1:])[0, 1] for n in noise]
    assert np.abs(correlation).max() < 5 / np.sqrt(SAMPLES)


def test_ratios_fill_their_range():
    """Uniformly, each example its own."""
    rows = np.arange(25 * BATCH)
    noisy, _ = examples(AugmentConfig(snr_db=(0.0, 20.0)), rows=rows)
    waveform, _ = windows(rows)
    ratios = rms_db(waveform) - rms_db(noisy.astype(np.float64) - waveform)
    assert stats.kstest(ratios / 20.0, "uniform").pvalue > 1e-3


def test_noise_ends_with_the_clip():
    """And has its ratio to the clip, not to the window that zeros fill."""
    window = np.concatenate([windows(np.arange(1))[0][0][:1000], np.zeros(3000, np.float32)])
    noisy = with_noise(window, present=1000, snr_db=3.0, generator=np.random.default_rng(0))
    assert not noisy[1000:].any()
    noise = noisy[:1000].astype(np.float64) - window[:1000]
    assert rms_db(window[None, :1000]) - rms_db(noise[None]) == pytest.approx(3.0, abs=1e-3)


def test_silence_stays_silent():
    """No noise has a ratio to it, no gain makes it louder."""
    silence = np.zeros((2, 100), np.float32)
    generator = np.random.default_rng(0)
    np.testing.assert_array_equal(with_noise(silence[0], present=100, snr_db=0.0, generator=generator), silence[0])
    for rule in ("none", "reference", "target"):
        np.testing.assert_array_equal(normalise(silence, LoudnessConfig(rule=rule)), silence)


def test_the_noise_of_an_evaluation_belongs_to_the_clip_and_the_window():
    """The same at every ratio but for its level, and another one for another clip or window."""
    window = windows(np.arange(1))[0][0]
    loud, soft, again = (
        with_noise(window, present=SAMPLES, snr_db=snr_db, generator=evaluation_noise("a", 0))
        for snr_db in (0.0, 20.0, 0.0)
    )
    np.testing.assert_array_equal(loud, again)
    np.testing.assert_allclose((loud - window) / 10, soft - window, atol=1e-6)
    for clip, start in (("b", 0), ("a", 1)):
        other = with_noise(window, present=SAMPLES, snr_db=0.0, generator=evaluation_noise(clip, start)) - window
        assert abs(np.corrcoef(loud - window, other)[0, 1]) < 5 / np.sqrt(SAMPLES)


def test_reference_loudness_is_that_of_the_original():
    """gain = min(10^(30/20), 10^(15/20) / std): an rms of 5.62, or 31.6 times what is quieter than 0.178."""
    waveform, _ = windows(np.arange(40))
    quiet = waveform.std(axis=1) < 10 ** (-15 / 20)
    assert 0 < quiet.sum() < len(quiet)
    normal = normalise(waveform, LoudnessConfig(rule="reference"))
    np.testing.assert_allclose(normal[~quiet].std(axis=1), 10 ** (15 / 20), rtol=1e-4)
    np.testing.assert_allclose(normal[quiet], 10 ** (30 / 20) * waveform[quiet], rtol=1e-5)


def test_target_loudness_is_reached():
    """In dB of full scale, by gains up to 30 dB; what is 40 dB below it comes up by 30."""
    waveform = np.random.default_rng(0).standard_normal((3, SAMPLES)) * [[1.0], [0.01], [0.001]]
    waveform -= waveform.mean(axis=1, keepdims=True)
    waveform *= [[1.0 / waveform[0].std()], [0.01 / waveform[1].std()], [0.001 / waveform[2].std()]]
    normal = normalise(waveform.astype(np.float32), LoudnessConfig(rule="target", target_db=-20.0))
    np.testing.assert_allclose(rms_db(normal), [-20.0, -20.0, -30.0], atol=1e-3)


def test_mixup_mixes_windows_and_targets_by_the_same_shares():
    """Each example is a convex combination of two of its batch, and every example is a partner once."""
    rows = np.arange(BATCH, 2 * BATCH)
    waveform, targets = (values.astype(np.float64) for values in windows(rows))
    mixed, soft = examples(AugmentConfig(mixup_alpha=1.0), rows=rows)
    shares, *_ = np.linalg.lstsq(waveform.T, mixed.T.astype(np.float64), rcond=None)
    assert ((shares > 1e-4).sum(axis=0) <= 2).all()
    np.testing.assert_allclose(shares.sum(axis=0), 1.0, atol=1e-4)
    np.testing.assert_allclose(shares.T @ targets, soft, atol=1e-4)
    np.testing.assert_allclose(soft.sum(axis=1), 1.0, atol=1e-6)
    own = np.diag(shares)
    partners = (shares - np.diag(own)).argmax(axis=0)
    assert sorted(partners) == list(range(BATCH))


def test_shares_of_mixup_are_of_the_beta_distribution():
    """Read off the targets."""
    rows = np.arange(50 * BATCH)
    mixed, _ = examples(AugmentConfig(mixup_alpha=0.4), rows=rows)
    waveform, _ = windows(rows)
    shares = np.array([m @ w for m, w in zip(mixed.astype(np.float64), waveform, strict=True)])
    shares /= np.sum(np.square(waveform, dtype=np.float64), axis=1)
    loudest = rms_db(waveform) > -20  # of the others the partner drowns the share
    assert stats.kstest(shares[loudest], "beta", args=(0.4, 0.4)).statistic < 0.15


def test_gains_fill_their_range():
    """Each example its own, uniform in dB."""
    rows = np.arange(25 * BATCH)
    louder, _ = examples(AugmentConfig(gain_db=(-10.0, 5.0)), rows=rows)
    gains_db = rms_db(louder) - rms_db(windows(rows)[0])
    assert stats.kstest((gains_db + 10.0) / 15.0, "uniform").pvalue > 1e-3


def test_masks_are_stripes_no_wider_than_asked():
    """Whole frames and whole filters, and every place is masked sometimes."""
    config = AugmentConfig(time_masks=1, time_mask_ms=200.0, frequency_masks=1, frequency_mask_filters=8)
    masks = np.stack([feature_masks(config, features=(100, 40), window_ms=1000.0, key=(0, row)) for row in range(400)])
    frames, filters = masks.all(axis=2), masks.all(axis=1)
    np.testing.assert_array_equal(masks, frames[:, :, None] | filters[:, None, :])
    for stripes, widest in ((frames, 20), (filters, 8)):
        widths = stripes.sum(axis=1)
        assert (widths.min(), widths.max()) == (0, widest)
        edges = np.abs(np.diff(stripes.astype(int), axis=1, prepend=0, append=0)).sum(axis=1)
        assert set(edges) <= {0, 2}
        assert stripes.any(axis=0).all()


def test_rare_classes_come_as_often_as_frequent_ones():
    """In every epoch; which clips of the frequent class, changes from epoch to epoch."""
    values = np.repeat([0, 1, 2], [1000, 10, 90])
    weights = clip_weights(values, np.arange(len(values) + 1))
    orders = [balanced_order(weights, 300, seed=0, task=0, epoch=epoch) for epoch in range(2)]
    for order in orders:
        assert np.bincount(values[order]).tolist() == pytest.approx([100, 100, 100], abs=10)
        assert set(np.bincount(order, minlength=1100)[1000:1010]) == {10}
    assert len(set(orders[0]) & set(orders[1])) < 200
    np.testing.assert_array_equal(orders[0], balanced_order(weights, 300, seed=0, task=0, epoch=0))


def test_weights_of_several_labels_add_up():
    """1 / count of each label, summed; a clip without any is not lost."""
    values, starts = np.array([0, 1, 0, 0, 1, 2]), np.array([0, 2, 3, 3, 6])
    expected = [1 / 3 + 1 / 2, 1 / 3, 1 / 4, 1 / 3 + 1 / 2 + 1]
    np.testing.assert_allclose(clip_weights(values, starts), expected)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_training_with_everything_is_the_same_on_any_number_of_workers(snapshot, workers):
    """Read from a snapshot: windows, targets and masks of all parts side by side, also from a later step on."""
    augment = Augment(config=EVERYTHING, seed=5, features=(100, 40))
    arguments = {"window": 16000, "batch_size": 8, "seed": 5, "augment": augment, "class_balanced": True}
    training = TrainingInput(snapshot, snapshot.clips("train"), **arguments)
    whole = list(training.batches(1))[2:]
    parts = [list(training.batches(1, first_step=2, part=Part(i, workers))) for i in range(workers)]
    assert whole
    for step, batch in enumerate(whole):
        for name in ("clips", "waveform", "targets", "masked"):
            together = np.concatenate([getattr(part[step], name) for part in parts])
            np.testing.assert_array_equal(getattr(batch, name), together)


def test_evaluation_adds_the_same_noise_in_any_batch_and_at_any_ratio(snapshot):
    """And the ratio is that of each window; loudness is normalised behind it."""
    clips = snapshot.clips("test")

    def heard(*, batch_size=6, **settings):
        windows = EvaluationInput(snapshot, clips, window=16000, batch_size=batch_size, **settings)
        return np.concatenate([batch.waveform for batch in windows.batches()])[: len(windows.clips)].astype(np.float64)

    clean, noisy, louder = heard(), heard(snr_db=20.0), heard(snr_db=0.0)
    np.testing.assert_array_equal(noisy, heard(snr_db=20.0, batch_size=5))
    np.testing.assert_allclose((louder - clean) / 10, noisy - clean, atol=1e-5)
    filled = (clean[:, -1000:] != 0).any(axis=1)  # those that no zeros fill up
    np.testing.assert_allclose((rms_db(clean) - rms_db(noisy - clean))[filled], 20.0, atol=0.01)
    normal = heard(snr_db=0.0, loudness=LoudnessConfig(rule="target", target_db=-20.0))
    np.testing.assert_allclose(10 * np.log10(normal.var(axis=1))[filled], -20.0, atol=0.01)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"snr_db": (10.0, 0.0)}, "snr_db is"),
        ({"gain_db": (1.0, 0.0)}, "gain_db is"),
        ({"mixup_alpha": -1.0}, "mixup_alpha >= 0"),
        ({"time_masks": -1}, "time_masks >= 0"),
        ({"frequency_mask_filters": 0}, "frequency_mask_filters >= 1"),
    ],
)
def test_settings_without_sense_are_refused(settings, rule):
    """With the rule and what came."""
    with pytest.raises(ValueError, match=rule):
        AugmentConfig(**settings)
