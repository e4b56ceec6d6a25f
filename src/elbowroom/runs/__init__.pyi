from .command import RepeatCommand as RepeatCommand
from .command import repeat_command as repeat_command
from .run import Run as Run
from .run import list_runs as list_runs
from .run import next_path as next_path
from .settings import TrainConfig as TrainConfig
