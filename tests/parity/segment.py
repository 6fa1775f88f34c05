# SPDX-License-Identifier: Apache-2.0
"""torchvision's segmentation networks for segment_parity_test.cpp.

    segment.py NAME CLASSES HEIGHT WIDTH WEIGHTS.pth OUT.pth   random weights; scores in f32; loss and gradients in f64
"""
import sys

import torch
import torchvision


def fill(model):
    """Weights with which values keep their size."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.dim() > 1:
                tensor.normal_(0, (1.6 / tensor[0].numel()) ** 0.5)
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif name.endswith("bn3.weight"):
                tensor.uniform_(0.2, 0.4)  # sums of residual blocks stay small
            elif name.endswith("weight"):
                tensor.uniform_(0.7, 1.1)
            elif name.endswith("num_batches_tracked"):
                tensor.zero_()
            else:
                tensor.normal_(0, 0.1)


def normalised(images):
    statistics = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    mean, deviation = (torch.tensor(values, dtype=images.dtype).view(1, 3, 1, 1) for values in statistics)
    return (images - mean) / deviation


def main(name, classes, height, width, weights, out):
    torch.manual_seed(3)
    model = getattr(torchvision.models.segmentation, name)(weights=None, weights_backbone=None, num_classes=int(classes), aux_loss=True)
    fill(model)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0
    torch.save(model.state_dict(), weights)
    images = torch.rand(2, 3, int(height), int(width))
    targets = torch.randint(0, int(classes), (2, int(height), int(width)))
    targets[:, :3] = 255
    with torch.no_grad():
        result = {"images": images, "targets": targets, "logits": model.eval()(normalised(images))["out"]}
    model.double().train()
    found = model(normalised(images.double()))
    losses = [torch.nn.functional.cross_entropy(found[part], targets, ignore_index=255) for part in ("out", "aux")]
    (losses[0] + 0.5 * losses[1]).backward()
    result["losses"] = torch.stack(losses).detach()
    for key, parameter in model.named_parameters():
        grad = parameter.grad.reshape(-1)
        result[f"gradient.{key}"] = torch.stack([grad.norm(), grad.sum(), (grad * torch.arange(grad.numel()).double().cos()).sum()])
    torch.save(result, out)


main(*sys.argv[1:])
