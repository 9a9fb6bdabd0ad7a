"""A short run whose encoder mirrors and makes white."""

from gnnclr.train import Run, parse_recipe


def white_run(folder):
    """The run, trained for an epoch and not evaluated."""
    encoder = "--model.method.encoder"
    options = [f"{encoder}=gnnclr.vision.Whitened", f"{encoder}.encoder=gnnclr.vision.Mirrored"]
    options += [f"{encoder}.encoder.encoder=gnnclr.vision.SlimResNet", f"{encoder}.encoder.encoder.widths=[4,8]"]
    options += [f"{encoder}.encoder.encoder.in_channels=1", "--model.method.projector.in_features=-1"]
    options += ["--trainer.max_epochs=1", "--trainer.accelerator=cpu", "--data.size=8", "--data.batch_size=512"]
    run = Run(parse_recipe("simclr-digits", options), folder)
    run.train()
    return run
