"""Ask through fairlead with the OpenAI SDK. Start it first; this takes real keys of both providers:

OPENAI_API_KEY=... ANTHROPIC_API_KEY=... fairlead serve --config examples/quickstart.yaml
"""

import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("FAIRLEAD_URL", "http://127.0.0.1:4000/v1"),
    api_key=os.environ.get("FAIRLEAD_KEY", "none-needed"),
)


def ask(model: str, question: str, **wishes: str) -> None:
    answer = client.chat.completions.with_raw_response.create(
        model=model,
        messages=[{"role": "user", "content": question}],
        extra_headers={f"x-fairlead-{name}": value for name, value in wishes.items()},
    )
    text = answer.parse().choices[0].message.content or ""
    print(f"{model}: {answer.headers['x-fairlead-model']} for ${answer.headers['x-fairlead-cost']}: {text[:60]}")


ask("auto", "What is the capital of France?")
ask("auto:best", "Prove that there are infinitely many primes.")
ask("auto", "Which of the two is better at this?", **{"max-cost": "0.05", "task": "chat"})
ask("claude-opus-4.7", "Say hello.")

for chunk in client.chat.completions.create(
    model="auto", messages=[{"role": "user", "content": "Count to five."}], stream=True
):
    print(chunk.choices[0].delta.content or "", end="" if chunk.choices[0].finish_reason is None else "\n")
