"""Two modalities over one frozen body, answered in one pass."""

import fpt_plugins as fpt

for task, out in {"bits/xor": "runs/xor", "images/digits": "runs/digits"}.items():
    fpt.train(task, backbone="gpt2-mini", init_seed=0, steps=20, out=out)  # short: this is about the bank

bank = fpt.load_many({"xor": "runs/xor", "digits": "runs/digits"})
bits = bank.tasks["xor"].parse({"strings": ["01010", "11001"]})
picture, digit = bank.tasks["digits"].split("test")[0]
print(bank.predict([("xor", bits), ("digits", picture)]))
