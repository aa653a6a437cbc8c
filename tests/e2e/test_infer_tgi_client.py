"""The text-generation client, unmodified: whole answers, streams, conversations, its exceptions."""
import pytest

import clients
from inference import START, STORY


@pytest.fixture(scope="module")
def client(host, tmp_path_factory):
    d = clients.Driver("text-generation", host, tmp_path_factory.mktemp("text-generation"), host.alice)
    yield d
    d.close()


def test_it_generates(client, host):
    out = client("""
        from text_generation import Client, AsyncClient
        import asyncio
        c = Client(f"{base}/models/{model}", headers={"Authorization": f"Bearer {key}"}, timeout=60)
        r = c.generate(start, max_new_tokens=20, decoder_input_details=True, top_n_tokens=2)
        stopped = c.generate(start, max_new_tokens=20, stop_sequences=["Lily"])
        best = c.generate(start, max_new_tokens=5, do_sample=True, temperature=1.0, best_of=2)
        parts = list(c.generate_stream(start, max_new_tokens=20, top_n_tokens=2))
        async def later():
            a = AsyncClient(f"{base}/models/{model}", headers={"Authorization": f"Bearer {key}"}, timeout=60)
            return (await a.generate(start, max_new_tokens=20)).generated_text, [x.token.id async for x in a.generate_stream(start, max_new_tokens=20)]
        text, ids = asyncio.run(later())
        out = [r.generated_text, r.details.finish_reason.value, r.details.generated_tokens, len(r.details.prefill), r.details.prefill[0].logprob, len(r.details.tokens), [len(t) for t in r.details.top_tokens],
               stopped.generated_text, stopped.details.finish_reason.value, len(best.details.best_of_sequences), "".join(p.token.text for p in parts if not p.token.special),
               parts[-1].generated_text, parts[-1].details.generated_tokens, [p.generated_text for p in parts[:-1]], text, ids == [t.id for t in r.details.tokens]]
        """, base=host.base, key=host.alice, model=host.model, start=START)
    assert out[0] == STORY and out[1:3] == ["length", 20] and out[3] >= 4 and out[4] is None and out[5] == 20 and out[6] == [2] * 20
    assert "Lily" not in out[7].replace("Lily", "", 1) and out[8] == "stop_sequence" and out[9] == 1 and out[10] == out[11] == STORY and out[12] == 20 and out[13] == [None] * 19
    assert out[14] == STORY and out[15]


def test_it_chats(client, host):
    """Whole: its streams want a member in every chunk that no server sends, TGI included ("tool_calls" of a delta)."""
    out = client("""
        from text_generation import Client
        c = Client(f"{base}/models/{model}", headers={"Authorization": f"Bearer {key}"}, timeout=60)
        messages = [{"role": "user", "content": start}]
        whole = c.chat(messages=messages, max_tokens=20, temperature=0)
        out = [whole.choices[0].message.content, whole.usage["completion_tokens"]]
        """, base=host.base, key=host.alice, model=host.model, start=START)
    assert out == [STORY, 20]


def test_its_exceptions(client, host, encoder):
    out = client("""
        from text_generation import Client
        def refused(name, token=key, **kw):
            c = Client(f"{base}/models/{name}", headers={"Authorization": f"Bearer {token}"}, timeout=60)
            found = []
            for call in (lambda: c.generate("x", **kw), lambda: list(c.generate_stream("x", **kw))):
                try: call()
                except Exception as x: found.append(type(x).__name__)
            return found
        out = [refused(model, repetition_penalty=1e9), refused(model, max_new_tokens=10**6), refused("alice/none"), refused(encoder)]
        """, base=host.base, key=host.alice, model=host.model, encoder=encoder("fill-bert"))
    assert out[0] == ["ValidationError"] * 2 and out[1] == ["ValidationError"] * 2 and out[2] == ["NotFoundError"] * 2 and len(out[3]) == 2, out
