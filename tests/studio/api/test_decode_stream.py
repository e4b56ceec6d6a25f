"""Decode WebSocket: the pixels of the model, and only for the newest message."""

import json
import struct
import threading

import numpy as np
import torch

import elbowroom as er
from elbowroom.studio.services.loaded_model import LoadedModel
from tests.studio.helpers import CONDITIONAL, condition


def test_frames_are_the_pixels_of_decode(recipe_client, recipe_runs, name):
    model = er.load(recipe_runs / name)
    z = torch.randn(1, *model.latent_shape, generator=torch.Generator().manual_seed(2))
    c = 3 if name in CONDITIONAL else None
    with recipe_client.websocket_connect(f"ws://localhost/ws/decode?run={name}") as socket:
        socket.send_text(json.dumps({"id": 41, "z": z.flatten().tolist(), "c": c}))
        frame = socket.receive_bytes()
        message_id, channels, height, width = struct.unpack("<IHHH", frame[:10])
        assert (message_id, channels, height, width) == (41, 1, 8, 8)
        mean = model.sample(c=condition(name, 1), z=z, draw=False)[0]
        expected = (mean.clamp(0, 1) * 255).round().flatten().numpy()
        assert np.abs(np.frombuffer(frame[10:], np.uint8) - expected).max() <= 1
        socket.send_text('{"id": 42, "z": [1, 2]}')
        answer = json.loads(socket.receive_text())
        assert answer["id"] == 42
        assert "numbers each" in answer["error"]
        socket.send_text(json.dumps({"id": 43, "z": z.flatten().tolist(), "c": c}))
        assert struct.unpack("<I", socket.receive_bytes()[:4]) == (43,)


def test_only_the_newest_message_is_decoded(trained_client, monkeypatch):
    """While one is computed fifty more arrive; the first answer is for the first, the next for the last."""
    release, entered, batch_sizes = threading.Event(), threading.Event(), []
    decode_pixels = LoadedModel.decode_pixels

    def slow(self, z, c, lower):
        batch_sizes.append(len(z))
        entered.set()
        assert release.wait(10)
        return decode_pixels(self, z, c, lower)

    monkeypatch.setattr(LoadedModel, "decode_pixels", slow)
    with trained_client.websocket_connect("ws://localhost/ws/decode?run=vae") as socket:
        socket.send_text(json.dumps({"id": 0, "z": [0, 0, 0]}))
        assert entered.wait(10)
        for i in range(1, 51):
            socket.send_text(json.dumps({"id": i, "z": [i / 50, 0, 0]}))
        # What has been sent is received before a request on the same loop is answered.
        trained_client.get("/api/openapi.json")
        release.set()
        ids = [struct.unpack("<I", socket.receive_bytes()[:4])[0] for _ in range(2)]
    assert ids == [0, 50]
    assert batch_sizes == [1, 1]
