"""The pipeline's stages. Importing the package pins the process environment, before numpy or TensorFlow can load."""

from stages.running import environment

environment.pin()
