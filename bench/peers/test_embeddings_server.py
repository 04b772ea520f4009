"""python -m unittest test_embeddings_server"""

import base64
import http.client
import json
import threading
import unittest

import numpy as np

from embeddings_server import Embedder, Server
from model import DIMENSIONS, NAME


class EmbeddingsServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server(0, Embedder(threads=1, batch=4), api_key="secret")
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.shutdown()
        cls.server.server_close()

    def setUp(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port)
        self.addCleanup(self.connection.close)

    def ask(self, method: str, path: str, body=None, key: str = "secret") -> tuple[int, dict]:
        sent = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        self.connection.request(method, path, sent, {"Authorization": f"Bearer {key}"})
        response = self.connection.getresponse()
        return response.status, json.loads(response.read())

    def embed(self, **fields) -> tuple[int, dict]:
        return self.ask("POST", "/v1/embeddings", {"model": NAME, **fields})

    def test_string_and_list_give_the_same_unit_vector(self) -> None:
        status, one = self.embed(input="a font editor", dimensions=DIMENSIONS)
        self.assertEqual(status, 200)
        _, many = self.embed(input=["a much longer text about some web server", "a font editor"])
        self.assertEqual([row["index"] for row in many["data"]], [0, 1])
        vector = np.array(one["data"][0]["embedding"])
        np.testing.assert_allclose(many["data"][1]["embedding"], vector, atol=1e-6)
        self.assertEqual(len(vector), DIMENSIONS)
        self.assertAlmostEqual(float(vector @ vector), 1, places=5)
        self.assertEqual(one["usage"], {"prompt_tokens": 5, "total_tokens": 5})

    def test_like_texts_are_near(self) -> None:
        texts = ["program to draw pictures", "image painting application", "kernel driver for a network card"]
        _, answer = self.embed(input=texts)
        drawing, painting, driver = (np.array(row["embedding"]) for row in answer["data"])
        self.assertGreater(drawing @ painting, drawing @ driver + 0.2)

    def test_base64(self) -> None:
        _, plain = self.embed(input="x")
        _, packed = self.embed(input="x", encoding_format="base64")
        vector = np.frombuffer(base64.b64decode(packed["data"][0]["embedding"]), "<f4")
        np.testing.assert_array_equal(vector, np.array(plain["data"][0]["embedding"], np.float32))

    def test_models(self) -> None:
        status, answer = self.ask("GET", "/v1/models")
        self.assertEqual((status, [model["id"] for model in answer["data"]]), (200, [NAME]))
        self.assertEqual(self.ask("GET", f"/v1/models/{NAME}")[0], 200)

    def test_refusals_name_the_field(self) -> None:
        cases = [
            ({"input": "x", "dimensions": 256}, 400, "dimensions"),
            ({"input": "x", "dimensions": "384"}, 400, "dimensions"),
            ({"input": []}, 400, "input"),
            ({"input": ""}, 400, "input"),
            ({"input": [[1, 2]]}, 400, "input"),
            ({}, 400, "input"),
            ({"input": ["x"] * 2049}, 400, "input"),
            ({"input": "x", "encoding_format": "hex"}, 400, "encoding_format"),
            ({"input": "x", "model": "other"}, 404, "model"),
            ({"input": "x", "model": None}, 400, "model"),
        ]
        for fields, status, param in cases:
            with self.subTest(**fields):
                answered, body = self.embed(**fields)
                self.assertEqual((answered, body["error"]["param"]), (status, param))
                self.assertEqual(body["error"]["type"], "invalid_request_error")

    def test_other_refusals(self) -> None:
        self.assertEqual(self.ask("POST", "/v1/embeddings", b"{")[0], 400)
        self.assertEqual(self.ask("POST", "/v1/embeddings", b"[]")[0], 400)
        self.assertEqual(self.ask("POST", "/v1/other", {})[0], 404)
        status, body = self.ask("GET", "/v1/models", key="wrong")
        self.assertEqual((status, body["error"]["code"]), (401, "invalid_api_key"))


if __name__ == "__main__":
    unittest.main()
