# Widgets that are saved in a notebook play in the page that nbconvert makes, without a network.
# Appended, so that what others have nbconvert do is done as well.
c = get_config()  # noqa: F821
c.HTMLExporter.preprocessors.append("gradlab_widgets.nbconverted.PlayingWidgets")
