"""The first command of README.md."""

from infra.local import demo


def test_every_number_of_the_demo_adds_up(capsys):
    ended = demo.main()
    assert ended == 0, capsys.readouterr().out[-3000:]
