"""Server: the port it listens on."""

import pytest

from elbowroom.studio import listen


def test_a_taken_port_gives_way_to_the_next():
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with listen("127.0.0.1", port) as second:
            assert port < second.getsockname()[1] <= port + 50
    with pytest.raises(ValueError, match=r"give 127\.0\.0\.1, or one of yours"):
        listen("no such host.", 7860)
    with pytest.raises(ValueError, match="is not this machine"):
        listen("192.0.2.1", 7860)
