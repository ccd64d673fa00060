"""What a captured call costs, side by side with OpenTelemetry, MLflow and Opik."""
