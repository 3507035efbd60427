"""Small cross-encoders made here, and sentence-transformers to compare with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragkit.rerankers.cross_encoder import CrossEncoder
from ragkit.rerankers.discovery import find_reranker
from tests.embedders import conftest as embedders

WORDS = ("the", "pump", "seal", "valve", "leave", "price", "of", "and", "how", "many", "days")
LIMIT = 48
QUERY = "how many days of leave"
TEXTS = ("the pump", "leave of many days", "price of the seal and the valve " * 4)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of its own for compiled models."""
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("cache")
    patch.setenv("XDG_CACHE_HOME", str(folder))
    yield folder
    patch.undo()


def make_model(folder: Path, *, labels: int = 1, kind: str = "bert", seed: int = 7) -> Path:
    """Save a cross-encoder with random weights, as sentence-transformers does."""
    pytest.importorskip("sentence_transformers", reason="needs ragkit[torch]")
    import torch
    import transformers as hub

    folder.mkdir(parents=True)
    torch.manual_seed(seed)
    sizes: dict[str, Any] = {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 96,
        "initializer_range": 0.3,
        "num_labels": labels,
    }
    if kind == "bert":
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        (folder / "vocab.txt").write_text("\n".join([*special, *WORDS]))
        tokenizer: Any = hub.BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=512)
        config: Any = hub.BertConfig(
            vocab_size=len(special) + len(WORDS), max_position_embeddings=LIMIT, **sizes
        )
        model: Any = hub.BertForSequenceClassification(config)
    else:
        tokenizer = _make_unigram_tokenizer()
        config = hub.XLMRobertaConfig(
            vocab_size=len(tokenizer), max_position_embeddings=LIMIT + 2, pad_token_id=1, **sizes
        )
        model = hub.XLMRobertaForSequenceClassification(config)
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _make_unigram_tokenizer() -> Any:
    """A tokenizer that frames pairs as XLM-R does: <s> query </s></s> text </s>."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = [(piece, -1.0) for piece in [*special, *(f"▁{word}" for word in WORDS)]]
    backend = Tokenizer(models.Unigram(pieces, unk_id=3))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    names = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        unk_token="<unk>",
        model_max_length=LIMIT,
        **names,
    )


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder with safetensors weights and one logit."""
    return make_model(tmp_path_factory.mktemp("models") / "tiny-reranker")


@pytest.fixture(scope="session")
def compiled(model_folder: Path) -> CrossEncoder:
    """The cross-encoder compiled, computing in float32."""
    return compile_exact(model_folder)


def compile_exact(model: Path) -> CrossEncoder:
    """Compile a model, and open it without quantization."""
    from ragkit.rerankers.compile import compile_reranker
    from ragkit.rerankers.discovery import reranker_folder

    source = find_reranker(str(model))
    folder = reranker_folder(source.digest)
    compile_reranker(source, folder)
    return CrossEncoder(folder, is_exact=True)


def copy_without(model: Path, into: Path, *names: str) -> Path:
    """Copy a model's folder without some of its files."""
    shutil.copytree(model, into, ignore=shutil.ignore_patterns(*names))
    return into


def export_onnx(module: Any, inputs: dict[str, Any], file: Path) -> None:
    """Write a torch module as ONNX with the exporter that is part of torch."""
    import warnings

    import torch
    from torch.onnx._internal.torchscript_exporter import onnx_proto_utils

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(), torch.no_grad():
        # The file is complete; the package onnx would only add functions, and there are none.
        patch.setattr(onnx_proto_utils, "_add_onnxscript_fn", lambda content, _: content)
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            str(file),
            input_names=list(inputs),
            output_names=["logits"],
            dynamic_axes={name: {0: "rows", 1: "length"} for name in inputs},
            opset_version=17,
            dynamo=False,
        )


@pytest.fixture(scope="session")
def onnx_folder(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same cross-encoder as an ONNX file."""
    import torch
    from transformers import BertForSequenceClassification

    folder = tmp_path_factory.mktemp("onnx") / "tiny-onnx"
    copy_without(model_folder, folder, "*.safetensors")
    model = BertForSequenceClassification.from_pretrained(
        str(model_folder), local_files_only=True, attn_implementation="eager"
    )

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            return self.model(input_ids, attention_mask, token_type_ids).logits

    names = ("input_ids", "attention_mask", "token_type_ids")
    ones = torch.ones((2, 16), dtype=torch.int64)
    export_onnx(Logits().eval(), dict.fromkeys(names, ones), folder / "model.onnx")
    return folder


@pytest.fixture(scope="session")
def quantized_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two products as ONNX Runtime's quantize_dynamic writes them."""
    pytest.importorskip("torch", reason="needs ragkit[torch]")
    import torch

    class Quantized(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, weights: Any, zero: Any, scale: Any) -> Any:
            return x @ ((weights.float() - zero.float()) * scale)

        @staticmethod
        def symbolic(g: Any, x: Any, weights: Any, zero: Any, scale: Any) -> Any:
            integers, step, origin = g.op("DynamicQuantizeLinear", x, outputs=3)
            product = g.op("MatMulInteger", integers, weights, origin, zero)
            factor = g.op("Mul", step, scale)
            return g.op("Mul", g.op("Cast", product, to_i=1), factor)

    class Two(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            generator = torch.Generator().manual_seed(3)
            for name, shape in (("first", (8, 16)), ("second", (16, 4))):
                weights = torch.randint(-120, 120, shape, dtype=torch.int8, generator=generator)
                self.register_buffer(name, weights)
            self.register_buffer("zero", torch.tensor(3, dtype=torch.int8))
            self.register_buffer("scale", torch.tensor(0.01))

        def forward(self, x: Any) -> Any:
            hidden = torch.relu(Quantized.apply(x, self.first, self.zero, self.scale))
            return Quantized.apply(hidden, self.second, self.zero, self.scale)

    file = tmp_path_factory.mktemp("quantized") / "model.onnx"
    export_onnx(Two().eval(), {"x": torch.ones((2, 8))}, file)
    return file


@pytest.fixture(scope="session")
def embedder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedding model of sentence-transformers."""
    return embedders.make_model(tmp_path_factory.mktemp("embedder"))
