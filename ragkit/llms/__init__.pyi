from .base import InstalledModel as InstalledModel
from .base import LanguageModel as LanguageModel
from .base import Message as Message
from .base import ModelServer as ModelServer
from .base import Reasoning as Reasoning
from .base import Usage as Usage
from .selection import choose_model as choose_model
from .selection import installed_models as installed_models
