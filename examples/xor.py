import fpt_plugins as fpt

record = fpt.train("bits/xor", backbone="gpt2-mini", out="runs/xor")
print("validation:", record.evaluations["validation"].metrics["accuracy"])

evaluation = fpt.evaluate("runs/xor")  # the whole test split, once
print("test:", evaluation.metrics["accuracy"])
for floor in evaluation.floors:
    if floor.metric == "accuracy":
        print("  without learning:", floor.name, floor.value)

arm = fpt.load("runs/xor")  # from the adapter: 35 KB beside the body
sample = arm.task.parse({"strings": ["01010", "11001"]})
print(arm.predict([sample]))
